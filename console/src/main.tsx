// The responder's page.
import { render } from 'preact'
import { App } from './app.tsx'
import { watchPlace } from './router.ts'
import { watchIdleness } from './session.ts'
import { loadSettings } from './settings.ts'
import { watchKeys } from './shortcuts.ts'
import './style.css'

loadSettings()
watchPlace()
watchKeys()
watchIdleness()
const place = document.getElementById('app')
if (place !== null) render(<App />, place)
