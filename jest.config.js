export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '[.]ts$': '<rootDir>/jest.transform.cjs' },
  testTimeout: 30_000,
  // Jest leaves a core free by default, and half of a small machine idle.
  maxWorkers: '100%',
}
