export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '[.]ts$': '<rootDir>/jest.transform.cjs' },
  // Ends what hangs, and nothing else: a promise of time is judged by an expectation, and a busy machine takes what it needs.
  testTimeout: 240_000,
  // Jest leaves a core free by default, and half of a small machine idle.
  maxWorkers: '100%',
}
