// `npm start`: set up whatever is missing, then run the demo.
import { become, install, runtime } from './setup.mjs'

install()
become(runtime(), ['--disable-warning=ExperimentalWarning', 'demo/start.ts', ...process.argv.slice(2)])
