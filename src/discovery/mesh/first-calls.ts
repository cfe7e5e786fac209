import type { Clock } from '../../clock.ts'
import type { Failure } from '../../dataplane/exchange.ts'
import { overloaded } from '../../dataplane/upstream/overloaded.ts'
import type { Upstream } from '../../dataplane/upstream/upstream.ts'
import type { UpstreamRow } from '../upstream-table.ts'

/** How long the first calls to a service wait for its instances and a first probe that passes, ms. */
const FIRST_LOOKUP_MS = 2_000

interface Waiting {
  readonly known: Promise<Upstream>
  calls: number
}

/** Lets the first calls to an upstream wait together until somebody can take them, or until it is known that nobody can. */
export class FirstCalls {
  readonly #clock: Clock
  readonly #waiting = new Map<Upstream, Waiting>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** As many wait as may queue for an endpoint of the upstream (`maxQueued`); one more is refused. */
  whenKnown(row: UpstreamRow): Upstream | Failure | Promise<Upstream> {
    const { upstream, discovery } = row
    // With one eligible instance nobody waits for the first probe of another.
    if (upstream.members.eligible.length > 0 || discovery.isSettled) return upstream
    const waiting = this.#waiting.get(upstream) ?? this.#wait(row)
    if (waiting.calls >= Math.max(1, upstream.policy.maxQueued))
      return overloaded(`${waiting.calls} calls wait for the first lookup of "${upstream.name}"`)
    waiting.calls++
    return waiting.known
  }

  #wait({ upstream, discovery }: UpstreamRow): Waiting {
    const enough = new AbortController()
    const timer = this.#clock.after(FIRST_LOOKUP_MS, () => enough.abort())
    const known = discovery.whenCallable(enough.signal).then(() => {
      timer.cancel()
      this.#waiting.delete(upstream)
      return upstream
    })
    const waiting = { known, calls: 0 }
    this.#waiting.set(upstream, waiting)
    return waiting
  }
}
