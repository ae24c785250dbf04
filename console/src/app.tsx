// The shell: banner, pages, settings, and the dialog that is open.
import { Component, type ComponentChildren, type ComponentType } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { translate, useWords, type MessageKey } from './messages/messages.ts'
import { FleetPage } from './pages/fleet-page.tsx'
import { IncidentsPage } from './pages/incidents-page.tsx'
import { KeyPage } from './pages/key-page.tsx'
import { ReleasePage } from './pages/release-page.tsx'
import { StatePage } from './pages/state-page.tsx'
import { Banner, kindOf } from './parts/banner.tsx'
import { later } from './parts/later.tsx'
import { Overlays } from './parts/open-overlay.tsx'
import { openOverlay } from './parts/overlays.ts'
import { PAGES, placeOf, type Page } from './router.ts'
import { signOut } from './session.ts'
import { saveSettings } from './settings.ts'
import { state } from './state.ts'
import { useStore } from './store.ts'

const VIEWS: Readonly<Record<Page, ComponentType>> = {
  state: StatePage,
  live: later(async () => (await import('./pages/live-page.tsx')).LivePage),
  release: ReleasePage,
  sessions: later(async () => (await import('./pages/sessions-page.tsx')).SessionsPage),
  trail: later(async () => (await import('./pages/trail-page.tsx')).TrailPage),
  fleet: FleetPage,
  incidents: IncidentsPage,
  key: KeyPage,
}

export function App() {
  const t = useWords()
  const session = useStore(state, (all) => all.session)
  const { page } = placeOf(useStore(state, (all) => all.route))
  const View = session === undefined ? KeyPage : page === undefined ? NotFound : VIEWS[page]
  useTitle(page)
  return (
    <>
      <a class="skip" href="#content" onClick={focusContent}>
        {t('skip')}
      </a>
      <header>
        <p class="brand">Portcullis</p>
        {session !== undefined && <Nav page={page} />}
        <Settings />
      </header>
      {session !== undefined && <Banner />}
      <main id="content" tabIndex={-1}>
        <Guard key={page ?? 'none'}>
          <View />
        </Guard>
      </main>
      <Overlays />
    </>
  )
}

function focusContent(event: Event): void {
  event.preventDefault()
  document.getElementById('content')?.focus()
}

const TITLES: Readonly<Record<ReturnType<typeof kindOf>, MessageKey>> = {
  open: 'open',
  partly: 'partlyLocked',
  frozen: 'frozen',
  unknown: 'unknownState',
}

/** The state stands in the tab too. */
function useTitle(page: Page | undefined): void {
  const status = useStore(state, (all) => all.status)
  const lang = useStore(state, (all) => all.lang)
  useEffect(() => {
    const t = translate(lang)
    const name = page === undefined ? '' : `${t(page)} · `
    document.title =
      status === undefined ? `${t('signIn')} · Portcullis` : `${t(TITLES[kindOf(status)])} · ${name}Portcullis`
  }, [status, lang, page])
}

function Nav({ page }: { page: Page | undefined }) {
  const t = useWords()
  const waiting = useStore(state, (all) => all.status?.pendingReleases.length ?? 0)
  const nav = useRef<HTMLElement>(null)
  // On a phone the row goes on beyond the edge.
  useEffect(() => {
    nav.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' })
  }, [page])
  return (
    <nav aria-label={t('navigation')} ref={nav}>
      <ul>
        {PAGES.map((each) => (
          <li key={each}>
            <a href={`#/${each}`} aria-current={each === page ? 'page' : undefined}>
              {t(each)}
              {each === 'release' && waiting > 0 && <span class="count"> {waiting}</span>}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  )
}

function Settings() {
  const t = useWords()
  const { lang, zone, theme } = useStore(state, (all) => all)
  const session = useStore(state, (all) => all.session)
  return (
    <div class="settings" role="group" aria-label={t('settings')}>
      <select
        aria-label={t('language')}
        value={lang}
        onChange={(event) => saveSettings({ lang: event.currentTarget.value === 'hi' ? 'hi' : 'en' })}
      >
        <option value="en" lang="en">
          {t('english')}
        </option>
        <option value="hi" lang="hi">
          {t('hindi')}
        </option>
      </select>
      <select
        aria-label={t('zone')}
        value={zone}
        onChange={(event) => saveSettings({ zone: event.currentTarget.value === 'utc' ? 'utc' : 'ist' })}
      >
        <option value="ist">IST</option>
        <option value="utc">UTC</option>
      </select>
      <select
        aria-label={t('theme')}
        value={theme}
        onChange={(event) => saveSettings({ theme: event.currentTarget.value as typeof theme })}
      >
        <option value="auto">{t('themeAuto')}</option>
        <option value="dark">{t('themeDark')}</option>
        <option value="light">{t('themeLight')}</option>
      </select>
      <button type="button" class="quiet" aria-label={t('help')} onClick={() => openOverlay({ kind: 'help' })}>
        ?
      </button>
      {session !== undefined && (
        <button type="button" class="quiet" onClick={() => signOut()}>
          {t('signOut')}
          {session.name !== undefined && <span class="who"> ({session.name})</span>}
        </button>
      )}
    </div>
  )
}

function NotFound() {
  const t = useWords()
  return <h1>{t('notFound')}</h1>
}

/** What breaks in one page takes neither the banner nor the freeze with it. */
class Guard extends Component<{ children: ComponentChildren }, { readonly broke: boolean }> {
  override state = { broke: false }

  static override getDerivedStateFromError(): { readonly broke: boolean } {
    return { broke: true }
  }

  override componentDidCatch(error: unknown): void {
    console.error(error)
  }

  override render() {
    return this.state.broke ? <Broke /> : this.props.children
  }
}

function Broke() {
  const t = useWords()
  return (
    <p class="bad" role="alert">
      {t('pageBroke')}
    </p>
  )
}
