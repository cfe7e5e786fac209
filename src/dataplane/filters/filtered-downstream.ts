import { GatewayError, messageOf } from '../../errors.ts'
import type { Downstream, RequestHead, ResponseHead } from '../exchange.ts'
import { DecoratedDownstream } from './decorated-downstream.ts'
import type { Filter } from './filter.ts'

/** The client's side of a route with filters that change bodies. Only once an answer's head is there does it put them before the client, and none if no
 *  filter would change that answer: most answers then cost one object, whatever filters there are. */
export class FilteredDownstream extends DecoratedDownstream {
  readonly #request: RequestHead
  /** In declared order; each has `onResponseBody`. */
  readonly #filters: readonly Filter[]
  #isDecided = false

  constructor(client: Downstream, request: RequestHead, filters: readonly Filter[]) {
    super(client)
    this.#request = request
    this.#filters = filters
  }

  get isHolding(): boolean {
    return this.inner.isHolding ?? true
  }

  /** Throws `filter_failed`; the head that is given after that goes to the client as it is. */
  override head(head: ResponseHead): void {
    if (!this.#isDecided) this.#decide(head)
    this.inner.head(head)
  }

  #decide(head: ResponseHead): void {
    this.#isDecided = true
    try {
      if (this.#isChanged(head)) this.#decorate()
    } catch (error) {
      throw new GatewayError('filter_failed', `a filter failed on the answer: ${messageOf(error)}`, { cause: error })
    }
  }

  #isChanged(head: ResponseHead): boolean {
    for (const filter of this.#filters) if (filter.changesBody?.(head, this.#request) ?? true) return true
    return false
  }

  #decorate(): void {
    const { inner: client } = this
    const { onDrain, onGone } = client
    let decorated = client
    for (const filter of this.#filters) decorated = filter.onResponseBody?.(decorated, this.#request) ?? decorated
    this.inner = decorated
    decorated.onDrain = onDrain
    decorated.onGone = onGone
  }
}
