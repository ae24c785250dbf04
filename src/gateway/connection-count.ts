// How many connections a worker has, in all and from each address, and which of them are too many.
import type net from 'node:net'

export interface ConnectionLimits {
  /** Of this worker: each costs a file descriptor and some KiB; more are turned away at once. */
  readonly connectionsMax: number
  /** From one address to this worker; trusted proxies and unix sockets are not counted. */
  readonly connectionsPerAddressMax: number
}

export class ConnectionCount {
  #total = 0
  readonly #byAddress = new Map<string, number>()

  /**
   * Counts the socket until it closes, and returns undefined; or returns the limit that it is beyond, and does not.
   * `address`: what it is counted by; absent where it is counted in all alone.
   */
  enter(
    socket: net.Socket,
    address: string | undefined,
    { connectionsMax, connectionsPerAddressMax }: ConnectionLimits,
  ): 'address' | 'worker' | undefined {
    if (address !== undefined && (this.#byAddress.get(address) ?? 0) >= connectionsPerAddressMax) return 'address'
    if (this.#total >= connectionsMax) return 'worker'
    this.#add(address, 1)
    socket.once('close', () => {
      this.#add(address, -1)
    })
    return undefined
  }

  #add(address: string | undefined, change: 1 | -1): void {
    this.#total += change
    if (address === undefined) return
    const count = (this.#byAddress.get(address) ?? 0) + change
    if (count === 0) this.#byAddress.delete(address)
    else this.#byAddress.set(address, count)
  }
}
