// What became of an order that was signed here, in one line under its form.
import { useState } from 'preact/hooks'
import { translate, type MessageKey, type Translate } from '../messages/messages.ts'
import type { Given } from '../orders.ts'
import { state } from '../state.ts'

export interface Said {
  readonly isGood: boolean
  readonly text: string
}

/** `done`: what is said of one that was accepted, with its epoch as {n}. */
function saidOf(given: Given, t: Translate, done: MessageKey): Said {
  switch (given.outcome) {
    case 'accepted':
      return { isGood: true, text: t(done, { n: given.accepted.epoch }) }
    case 'pending': {
      const { id, required, approvals } = given.pending
      return { isGood: true, text: t('proposed', { id: id.slice(0, 8), n: required - approvals }) }
    }
    case 'refused': {
      const { code, detail } = given.problem
      const text = code === 'unreachable' ? t('unreachable') : t('refusedOrder', { detail: detail || code })
      return { isGood: false, text }
    }
  }
}

export interface Giving {
  readonly said: Said | undefined
  readonly isBusy: boolean
  /** One at a time. */
  readonly run: (order: () => Promise<Given>) => Promise<void>
}

export function useGiving(done: MessageKey = 'done'): Giving {
  const [said, setSaid] = useState<Said>()
  const [isBusy, setBusy] = useState(false)
  return {
    said,
    isBusy,
    async run(order) {
      if (isBusy) return
      setBusy(true)
      setSaid(undefined)
      const given = await order()
      setBusy(false)
      setSaid(saidOf(given, translate(state.get().lang), done))
    },
  }
}

export function SaidLine({ said }: { said: Said | undefined }) {
  return said === undefined ? null : (
    <p class={said.isGood ? 'good' : 'bad'} role="alert">
      {said.text}
    </p>
  )
}
