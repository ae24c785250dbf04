// Signing in, and the keys of this browser: made here, enrolled by two commanders, never readable by anybody.
import { useEffect, useState } from 'preact/hooks'
import type { Problem } from '../api.ts'
import { forgetKey, keysUnavailable, listKeys, makeKey, type StoredKey } from '../keys.ts'
import { useWords } from '../messages/messages.ts'
import { Moment, Text } from '../parts/moment.tsx'
import { Passkeys } from '../parts/passkeys.tsx'
import { Twice } from '../parts/twice.tsx'
import { isPasskey } from '../passkeys.ts'
import { go } from '../router.ts'
import { signIn, signInToLook } from '../session.ts'
import { state } from '../state.ts'
import { useStore } from '../store.ts'

export function KeyPage() {
  const t = useWords()
  const session = useStore(state, (all) => all.session)
  const ended = useStore(state, (all) => all.ended)
  const [keys, setKeys] = useState<readonly StoredKey[]>()
  const [problem, setProblem] = useState('')
  const look = async (): Promise<void> => {
    setKeys(await listKeys())
  }
  useEffect(() => void look(), [])
  const tell = (failed: Problem | undefined): void => {
    if (failed === undefined) {
      setProblem('')
      if (location.hash.startsWith('#/key')) go('state')
    } else if (failed.code === 'order-unknown-signer') setProblem(t('notEnrolled'))
    else if (failed.code === 'not-signed') setProblem(t('notTouched', { detail: failed.detail }))
    else setProblem(failed.status === 0 ? failed.detail : t('loginFailed', { detail: failed.detail }))
  }
  const hindrance = keysUnavailable()
  return (
    <>
      <h1>{session === undefined ? t('signIn') : t('key')}</h1>
      {ended !== undefined && session === undefined && (
        <p class="bad" role="alert">
          {ended === 'idle' ? t('endedIdle') : t('endedRefused')}
        </p>
      )}
      {problem !== '' && (
        <p class="bad" role="alert">
          {problem}
        </p>
      )}
      {hindrance !== undefined && <p class="bad">{t(hindrance)}</p>}
      <p>{t('signInHint')}</p>
      {keys?.length === 0 && <p class="card">{t('noKeys')}</p>}
      {keys?.map((key) => (
        <KeyCard
          key={key.keyId}
          stored={key}
          isOwn={session?.keyId === key.keyId}
          onIn={() => void signIn(key).then(tell)}
          onForget={() => {
            setProblem('')
            void forgetKey(key.keyId).then(look)
          }}
        />
      ))}
      {hindrance === undefined && <MakeKey onMade={() => void look()} />}
      {hindrance === undefined && <Passkeys onMade={() => void look()} />}
      {session === undefined && <LookOnly onDone={tell} />}
    </>
  )
}

function KeyCard({
  stored,
  isOwn,
  onIn,
  onForget,
}: {
  stored: StoredKey
  isOwn: boolean
  onIn: () => void
  onForget: () => void
}) {
  const t = useWords()
  const command = `portcullis enrol ${stored.name} --key-id ${stored.keyId} --public-key ${stored.publicKey} --role responder --reason "key of the console"`
  const [before = '', after = ''] = t('madeAt').split('{moment}')
  return (
    <article class="card" aria-label={stored.name}>
      <h2>
        <Text of={stored.name} /> <code>#{stored.keyId}</code>
      </h2>
      <p class="hint">
        {before}
        <Moment at={stored.madeAt} />
        {after}
      </p>
      <div class="actions start">
        {!isOwn && (
          <button type="button" class="primary" onClick={onIn}>
            {t('signInAs', { name: stored.name })}
          </button>
        )}
        {!isOwn && <Twice label={t('forget')} onDo={onForget} />}
      </div>
      {isPasskey(stored) && <p class="hint">{t('passkeyFor', { domain: stored.rpId })}</p>}
      {stored.publicKey !== '' && (
        <details open={!isOwn}>
          <summary>{t('enrolTitle')}</summary>
          <p>{t('enrolHint')}</p>
          <pre data-public-key={stored.publicKey}>{command}</pre>
        </details>
      )}
    </article>
  )
}

function MakeKey({ onMade }: { onMade: () => void }) {
  const t = useWords()
  const [name, setName] = useState('')
  const [problem, setProblem] = useState('')
  return (
    <form
      class="card"
      aria-labelledby="make-key"
      onSubmit={(event) => {
        event.preventDefault()
        makeKey(name.trim()).then(
          () => {
            setName('')
            setProblem('')
            onMade()
          },
          (error: unknown) => setProblem(error instanceof Error ? error.message : String(error)),
        )
      }}
    >
      <h2 id="make-key">{t('makeKey')}</h2>
      <label>
        {t('yourName')}
        <input
          name="name"
          required
          pattern="[A-Za-z0-9][A-Za-z0-9._\-]*"
          title={t('nameShape')}
          maxLength={100}
          autocomplete="off"
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
        />
        <span class="hint">{t('nameHint')}</span>
      </label>
      {problem !== '' && <p class="bad">{problem}</p>}
      <div class="actions">
        <button type="submit">{t('make')}</button>
      </div>
    </form>
  )
}

function LookOnly({ onDone }: { onDone: (problem: Problem | undefined) => void }) {
  const t = useWords()
  const [token, setToken] = useState('')
  return (
    <form
      class="card"
      aria-labelledby="look-only"
      onSubmit={(event) => {
        event.preventDefault()
        void signInToLook(token.trim()).then(onDone)
      }}
    >
      <h2 id="look-only">{t('lookOnly')}</h2>
      <label>
        {t('token')}
        <input
          name="token"
          type="password"
          required
          autocomplete="off"
          value={token}
          onInput={(event) => setToken(event.currentTarget.value)}
        />
      </label>
      <div class="actions">
        <button type="submit">{t('look')}</button>
      </div>
    </form>
  )
}
