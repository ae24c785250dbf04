// A passkey as the second way to sign: made here, or found on a security key or phone that has it from elsewhere.
import { useState } from 'preact/hooks'
import { useWords } from '../messages/messages.ts'
import { domainsHere, findPasskey, makePasskey, passkeysUnavailable } from '../passkeys.ts'

export function Passkeys({ onMade }: { onMade: () => void }) {
  const t = useWords()
  const [name, setName] = useState('')
  const [domain, setDomain] = useState(() => domainsHere()[0] ?? '')
  const [problem, setProblem] = useState('')
  const hindrance = passkeysUnavailable()
  const tell = (asked: Promise<void>): void => {
    asked.then(
      () => {
        setName('')
        setProblem('')
        onMade()
      },
      (error: unknown) =>
        setProblem(t('notTouched', { detail: error instanceof Error ? error.message : String(error) })),
    )
  }
  return (
    <form
      class="card"
      aria-labelledby="make-passkey"
      onSubmit={(event) => {
        event.preventDefault()
        tell(makePasskey(name.trim(), domain))
      }}
    >
      <h2 id="make-passkey">{t('passkeyTitle')}</h2>
      <p class="hint">{t('passkeyHint')}</p>
      {hindrance !== undefined && (
        <p>{t(hindrance, { url: `http://localhost:${location.port}${location.pathname}` })}</p>
      )}
      {hindrance === undefined && (
        <>
          <div class="grid">
            <label>
              {t('yourName')}
              <input
                name="passkey-name"
                required
                pattern="[A-Za-z0-9][A-Za-z0-9._\-]*"
                maxLength={40}
                autocomplete="off"
                value={name}
                onInput={(event) => setName(event.currentTarget.value)}
              />
            </label>
            {domainsHere().length > 1 && (
              <label>
                {t('passkeyDomain')}
                <select name="passkey-domain" value={domain} onChange={(event) => setDomain(event.currentTarget.value)}>
                  {domainsHere().map((each) => (
                    <option key={each}>{each}</option>
                  ))}
                </select>
                <span class="hint">{t('passkeyDomainHint')}</span>
              </label>
            )}
          </div>
          {problem !== '' && (
            <p class="bad" role="alert">
              {problem}
            </p>
          )}
          <div class="actions">
            <button type="button" class="quiet" onClick={() => tell(findPasskey(domain))}>
              {t('passkeyFind')}
            </button>
            <button type="submit">{t('passkeyMake')}</button>
          </div>
        </>
      )}
    </form>
  )
}
