// A wait with an end: whether something was done, failed, or took longer.

export type Outcome = 'done' | 'failed' | 'late'

/** How the promise stands once it has settled or `limitMs` have passed. Never rejects. */
export async function settledWithin(promise: Promise<unknown>, limitMs: number): Promise<Outcome> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Outcome>((resolve) => {
    timer = setTimeout(() => {
      resolve('late')
    }, limitMs).unref()
  })
  const settled = promise.then(
    (): Outcome => 'done',
    (): Outcome => 'failed',
  )
  const outcome = await Promise.race([settled, late])
  clearTimeout(timer)
  return outcome
}

/** The promise's value, or `otherwise` where it rejects or takes longer. Never rejects. */
export async function valueWithin<T>(promise: Promise<T>, limitMs: number, otherwise: T): Promise<T> {
  return (await settledWithin(promise, limitMs)) === 'done' ? promise : otherwise
}
