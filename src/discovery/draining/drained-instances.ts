import { formatAddress } from '../../address.ts'
import type { UpstreamConfig } from '../../config/config.ts'
import type { Listed } from '../listed.ts'
import type { Drains } from './drain-list.ts'
import { serviceOf } from './service-of.ts'

/** Which instances of one upstream are drained. Closed by the caller. */
export class DrainedInstances {
  readonly #drains: Drains | undefined
  readonly #service: string
  readonly #unfollow: (() => void) | undefined
  /** When it was last looked, by id. */
  #before: ReadonlySet<string> = new Set()

  constructor(drains: Drains | undefined, config: UpstreamConfig, onChange: () => void) {
    this.#drains = drains
    this.#service = serviceOf(config)
    this.#unfollow = drains?.follow(onChange)
  }

  /** False: nobody knows yet who is drained, so that nobody should be called. */
  get isKnown(): boolean {
    return this.#drains?.isKnown ?? true
  }

  has({ id }: Listed): boolean {
    return this.#drains?.has({ service: this.#service, id }) ?? false
  }

  /** The addresses of those that no longer are, since this was last called: what is known of them is from before they were changed. */
  takeReturning(listed: readonly Listed[]): ReadonlySet<string> {
    const before = this.#before
    this.#before = new Set(listed.filter((instance) => this.has(instance)).map(({ id }) => id))
    const back = listed.filter(({ id }) => before.has(id) && !this.#before.has(id))
    return new Set(back.map(({ address }) => formatAddress(address)))
  }

  close(): void {
    this.#unfollow?.()
  }
}
