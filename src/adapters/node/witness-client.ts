// Hands a checkpoint to a witness (C2SP tlog-witness, add-checkpoint).
const TIMEOUT_MS = 5_000
const ANSWER_BYTES_MAX = 16_384

export interface AddCheckpointAnswer {
  readonly status: number
  readonly body: string
}

/** Rejects with an Error where no answer came; redirects are not followed. `url`: the witness's prefix. */
export async function addCheckpoint(url: string, body: string): Promise<AddCheckpointAnswer> {
  const answer = await fetch(`${url.replace(/\/$/, '')}/add-checkpoint`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'text/plain; charset=utf-8' },
    redirect: 'error',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
  let text = ''
  for await (const chunk of answer.body ?? []) {
    text += Buffer.from(chunk as Uint8Array).toString()
    if (text.length > ANSWER_BYTES_MAX) throw new Error('the answer of the witness is too long')
  }
  return { status: answer.status, body: text }
}
