// Builds the responder's page into dist/console: relative addresses, nothing inline, nothing from elsewhere.
import { defineConfig } from 'vite'

export default defineConfig({
  root: import.meta.dirname,
  base: './',
  // A build of one clone never writes into another's packages.
  cacheDir: '../.cache/vite',
  logLevel: 'warn',
  build: {
    outDir: '../dist/console',
    emptyOutDir: true,
    target: 'es2022',
    sourcemap: false,
    // What is inlined as data: would need a looser policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 400,
  },
})
