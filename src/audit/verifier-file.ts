// The verifier as one file without dependencies, made of this project's own modules, so that it never says anything else than they.
import { existsSync, readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'

const ENTRY = 'verifier-main'

const IMPORT =
  /^import\s+(?:type\s+)?(?:(\{[^}]*\}|\w+|\* as \w+)(?:,\s*(\{[^}]*\}))?\s+from\s+)?'([^']+)'\s*;?[ \t]*$/gm
const EXPORT = /^export\s+(?=(?:async\s+)?(?:function|const|let|class)\b)/gm
const EXPORTED = /^export\s+(?:async\s+)?(?:function\*?|const|let|class)\s+(\w+)/gm

interface Module {
  readonly name: string
  readonly code: string
}

/**
 * `verify.mjs`: each module in a function of its own, in the order in which they need each other. Runs with Node 20; a trail with compressed entries needs 22.15.
 * Throws an Error where a module holds something that this cannot carry over: the test makes it for every module.
 */
export function createVerifierFile(): string {
  const modules: Module[] = []
  const builtins = new Set<string>()
  add(new URL(`./${ENTRY}${extname(import.meta.url)}`, import.meta.url), modules, builtins)
  const names = [...builtins].sort()
  return [
    '#!/usr/bin/env node',
    '// The offline verifier of Portcullis, for a trail or an export. No dependency, no network: read it, and run it with Node.',
    '//   node verify.mjs --help',
    ...names.map((name, i) => `import * as builtin${i} from '${name}'`),
    `const builtins = { ${names.map((name, i) => `'${name}': builtin${i}`).join(', ')} }`,
    'const modules = {}',
    ...modules.map(({ name, code }) => `modules['${name}'] = (() => {\n${code}\n})()`),
    `process.exitCode = await modules['${ENTRY}'].runVerifier(process.argv.slice(2), (text) => process.stdout.write(text))`,
    '',
  ].join('\n')
}

function keyOf(url: URL): string {
  return fileURLToPath(url)
    .replace(/\.[jt]s$/, '')
    .split('/')
    .slice(-2)
    .join('/')
    .replace(/^audit\//, '')
}

function add(url: URL, modules: Module[], builtins: Set<string>): void {
  const name = keyOf(url)
  if (modules.some((each) => each.name === name)) return
  const source = readFileSync(url, 'utf8')
  const javascript = extname(url.pathname) === '.ts' ? quietly(() => stripTypeScriptTypes(source)) : source
  const exported = [...javascript.matchAll(EXPORTED)].map(([, each]) => each)
  const code = javascript
    .replace(IMPORT, (_line, first: string | undefined, second: string | undefined, from: string) => {
      if (from.startsWith('.')) {
        const next = new URL(from, url)
        // A module of types alone has nothing to run, and its names are gone.
        if (first === undefined || !existsSync(next)) return ''
        add(next, modules, builtins)
        return destructured(first, `modules['${keyOf(next)}']`)
      }
      builtins.add(from)
      const names = [first, second].filter((each) => each !== undefined)
      return names
        .map((each) =>
          each.startsWith('{')
            ? destructured(each, `builtins['${from}']`)
            : `const ${each} = builtins['${from}'].default`,
        )
        .join('; ')
    })
    .replace(EXPORT, '')
    .replaceAll(/^\s*\n/gm, '')
  if (/^(?:import|export)\b/m.test(code))
    throw new Error(`${name}: an import or export that the single file cannot carry over`)
  modules.push({ name, code: `${code.trimEnd()}\nreturn { ${exported.join(', ')} }` })
}

/** Node says of each use that it is an experiment: of no interest to whoever asked for an export. */
function quietly<T>(run: () => T): T {
  const emitWarning = process.emitWarning.bind(process)
  process.emitWarning = () => undefined
  try {
    return run()
  } finally {
    process.emitWarning = emitWarning
  }
}

function destructured(names: string, from: string): string {
  const inner = names
    .slice(1, -1)
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '' && !each.startsWith('type '))
  return inner.length === 0
    ? ''
    : `const { ${inner.map((each) => each.replace(/\s+as\s+/, ': ')).join(', ')} } = ${from}`
}
