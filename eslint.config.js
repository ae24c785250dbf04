import tseslint from 'typescript-eslint'

const clock = [
  { selector: "MemberExpression[object.name='Date'][property.name='now']", message: 'time comes through ports/clock' },
  { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: 'time comes through ports/clock' },
  {
    selector: "MemberExpression[object.name='performance'][property.name='now']",
    message: 'time comes through ports/clock',
  },
  {
    selector: "MemberExpression[object.name='process'][property.name='hrtime']",
    message: 'time comes through ports/clock',
  },
  {
    selector: "MemberExpression[object.name='Math'][property.name='random']",
    message: 'randomness comes through ports/clock',
  },
]
const environment = [
  {
    selector: "MemberExpression[object.name='process'][property.name='env']",
    message: 'only config/ reads the environment',
  },
]
const purity = [
  { selector: ':function[async=true]', message: 'core is synchronous: facts in, decision out' },
  { selector: "Identifier[name='Promise']", message: 'core is synchronous: facts in, decision out' },
]
const language = { parserOptions: { projectService: true } }

export default tseslint.config(
  { ignores: ['dist', 'node_modules', 'coverage'] },
  ...tseslint.configs.strictTypeChecked.map((config) => ({ ...config, files: ['src/**/*.ts'] })),
  {
    files: ['src/**/*.ts'],
    languageOptions: language,
    rules: {
      'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }],
      complexity: ['error', 14],
      'max-depth': ['error', 4],
      'max-params': ['error', 5],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/restrict-template-expressions': 'off',
      '@typescript-eslint/require-await': 'off',
      'no-restricted-syntax': ['error', ...clock, ...environment],
    },
  },
  { files: ['src/core/**/*.ts'], rules: { 'no-restricted-syntax': ['error', ...clock, ...environment, ...purity] } },
  { files: ['src/adapters/node/*.ts'], rules: { 'no-restricted-syntax': ['error', ...environment] } },
  { files: ['src/config/*.ts'], rules: { 'no-restricted-syntax': ['error', ...clock] } },
  ...tseslint.configs.recommendedTypeChecked.map((config) => ({ ...config, files: ['console/src/**/*.{ts,tsx}'] })),
  {
    files: ['console/src/**/*.{ts,tsx}'],
    languageOptions: language,
    rules: {
      'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 130, skipBlankLines: true, skipComments: true }],
      complexity: ['error', 20],
      'no-restricted-syntax': [
        'error',
        // What an attacker sent is only ever made a text node.
        {
          selector: 'Identifier[name=/^(?:dangerouslySetInnerHTML|innerHTML|outerHTML|insertAdjacentHTML)$/]',
          message: 'texts stay texts',
        },
      ],
    },
  },
  { files: ['console/src/messages/*.ts'], rules: { 'max-lines': 'off' } },
  {
    files: ['test/**/*.ts', 'demo/**/*.ts', 'scripts/*.ts'],
    languageOptions: { ...language, parser: tseslint.parser },
    plugins: { '@typescript-eslint': tseslint.plugin },
    rules: { '@typescript-eslint/no-floating-promises': 'error', '@typescript-eslint/no-misused-promises': 'error' },
  },
)
