// Preloaded into a gateway (`node --import`), and so into each of its threads: its wall clock can be stepped while it runs, by as many
// milliseconds as the file in CLOCK_STEP_FILE says. As with a real step the monotonic clocks stay as they are.
import { readFileSync } from 'node:fs'

const file = process.env.CLOCK_STEP_FILE
const RealDate = Date
let stepMs = 0

setInterval(() => {
  stepMs = Number(readFileSync(file, 'utf8')) || 0
}, 10).unref()

globalThis.Date = class extends RealDate {
  constructor(...parts) {
    if (parts.length === 0) super(RealDate.now() + stepMs)
    else super(...parts)
  }

  static now() {
    return RealDate.now() + stepMs
  }
}
