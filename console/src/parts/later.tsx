// What comes when it is asked for: the first paint stays small.
import type { ComponentType } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { useWords } from '../messages/messages.ts'

export function later<Props extends object>(load: () => Promise<ComponentType<Props>>): ComponentType<Props> {
  return function Later(props: Props) {
    const t = useWords()
    const [Loaded, setLoaded] = useState<ComponentType<Props>>()
    useEffect(() => void load().then((loaded) => setLoaded(() => loaded)), [])
    return Loaded === undefined ? <p>{t('loading')}</p> : <Loaded {...props} />
  }
}
