// The house rules D1 to D14 (ARCHITECTURE.md). test/architecture plants a violation of each and sees it caught.
const only = (name, from, allowed) => ({
  name,
  severity: 'error',
  comment: `${from} may import only: ${allowed.join(', ') || 'itself'}`,
  from: { path: `^src/${from}` },
  to: { path: '^src/', pathNot: [`^src/${from}`, ...allowed.map((a) => `^src/${a}`)] },
})
const packages = ['npm', 'npm-dev', 'npm-no-pkg', 'npm-optional', 'unknown']
const noPackages = (name, from) => ({
  name,
  severity: 'error',
  comment: `${from} uses no package`,
  from: { path: `^src/${from}` },
  to: { dependencyTypes: packages },
})

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-orphans',
      severity: 'error',
      from: { orphan: true, pathNot: '^src/(main|app/worker|app/trail-reader)[.]ts$' },
      to: {},
    },
    only('core-is-closed', 'core/', []),
    {
      name: 'core-is-pure',
      severity: 'error',
      comment: 'no node builtins, no packages',
      from: { path: '^src/core/' },
      to: { dependencyTypes: ['core', ...packages] },
    },
    only('ports-know-core', 'ports/', ['core/', 'http1/']),
    {
      name: 'ports-are-types',
      severity: 'error',
      from: { path: '^src/ports/' },
      to: { dependencyTypesNot: ['type-only'] },
    },
    only('audit', 'audit/', ['core/', 'ports/']),
    noPackages('audit-no-packages', 'audit/'),
    only('throttle', 'throttle/', ['core/', 'ports/']),
    noPackages('throttle-no-packages', 'throttle/'),
    only('http1-is-closed', 'http1/', []),
    noPackages('http1-no-packages', 'http1/'),
    only('data-plane', 'gateway/', ['core/', 'ports/', 'throttle/', 'http1/']),
    noPackages('data-plane-no-frameworks', 'gateway/'),
    only('control-plane', 'control/', ['core/', 'ports/', 'audit/']),
    {
      name: 'adapters-know-ports',
      severity: 'error',
      from: { path: '^src/adapters/([^/]+)/' },
      to: { path: '^src/', pathNot: ['^src/adapters/$1/', '^src/core/', '^src/ports/', '^src/http1/'] },
    },
    only('config', 'config/', ['core/']),
    only('cli', 'cli/', ['core/', 'audit/', 'config/', 'ports/', 'throttle/']),
    {
      name: 'composition-roots',
      severity: 'error',
      comment: 'only app/ wires adapters',
      from: { path: '^src/', pathNot: ['^src/app/', '^src/adapters/'] },
      to: { path: '^src/adapters/' },
    },
    {
      name: 'only-main-starts-the-app',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/main[.]ts$', '^src/app/'] },
      to: { path: '^src/app/' },
    },
    {
      name: 'src-never-imports-test',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|demo|scripts)/' },
    },
    {
      name: 'permits-are-granted-in-one-place',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/gateway/stages/admit[.]ts$' },
      to: { path: '^src/core/permit[.]ts$', dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
  },
}
