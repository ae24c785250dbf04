// `npm start`: set up whatever is missing, then run the demo.
import { buildConsole } from './console.mjs'
import { become, install, runtime } from './setup.mjs'

install()
buildConsole()
become(runtime(), ['--disable-warning=ExperimentalWarning', 'demo/start.ts', ...process.argv.slice(2)])
