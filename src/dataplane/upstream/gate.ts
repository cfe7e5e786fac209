import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../../clock.ts'
import { formatDurationMs } from '../../durations.ts'
import { messageOf } from '../../errors.ts'
import type { Exchange, Failure } from '../exchange.ts'
import { Breaker, type BreakerState } from './breaker.ts'
import { Concurrency, type Entrant } from './concurrency.ts'
import type { Deadline, Deadlines } from './deadlines.ts'
import type { Outcome } from './outcome.ts'
import { overloaded } from './overloaded.ts'
import type { Picker } from './picker.ts'
import type { UpstreamPolicy } from './policy.ts'

/** Somebody at the gate; one of its two listeners is called, once. */
export interface Visitor {
  readonly exchange: Exchange
  /** Where in the upstream. */
  readonly picker: Picker
  readonly deadlines: Deadlines
  /** When nobody waits any more, monotonic ms; Infinity: never. */
  readonly totalBy: number
  /** It is in; `leave` must be called at its end. */
  onEnter(leave: (outcome: Outcome) => void): void
  onRefused(failure: Failure): void
}

type GatePolicy = Pick<UpstreamPolicy, 'breaker' | 'concurrency'>

/** Decides who gets to an upstream: nobody while its breaker is open, and no more at a time than its concurrency allows. */
export class Gate {
  readonly #clock: Clock
  readonly #onBreaker: (state: BreakerState) => void
  breaker: Breaker | null = null
  concurrency: Concurrency | null = null
  /** Plain counters of those who were refused. */
  readonly refused = { circuit_open: 0, upstream_overloaded: 0 }

  constructor(clock: Clock, onBreaker: (state: BreakerState) => void) {
    this.#clock = clock
    this.#onBreaker = onBreaker
  }

  /** Whether everybody may pass. */
  get isOpen(): boolean {
    return this.breaker === null && this.concurrency === null
  }

  /** A breaker whose policy is the same keeps its state. */
  setPolicy({ breaker, concurrency }: GatePolicy): void {
    if (!isDeepStrictEqual(this.breaker?.policy ?? null, breaker)) this.breaker = breaker && new Breaker(breaker, this.#onBreaker)
    // Whoever waits goes in when there is no limit any more.
    this.concurrency?.setPolicy(concurrency ?? unlimited)
    this.concurrency = concurrency && (this.concurrency ?? new Concurrency(concurrency))
  }

  /** Why nobody gets in at present; null: somebody may. */
  whyClosed(): Failure | null {
    const waitMs = this.breakerWaitMs
    return this.breaker && waitMs > 0 ? circuitOpen(this.breaker, waitMs) : null
  }

  /** After how many ms an open breaker lets requests pass again; 0: it does. */
  get breakerWaitMs(): number {
    return this.breaker?.waitMs(this.#clock.thisTurn()) ?? 0
  }

  admit(visitor: Visitor): void {
    const { breaker, concurrency } = this
    const waitMs = breaker?.admit(this.#clock.thisTurn()) ?? null
    if (breaker && waitMs !== null) {
      this.refused.circuit_open++
      return visitor.onRefused(circuitOpen(breaker, waitMs))
    }
    const term = breaker?.term ?? 0
    const visit = new Visit(visitor, {
      clock: this.#clock,
      concurrency,
      settle: (outcome) => breaker?.settle(term, outcome, this.#clock.thisTurn()),
      onOverload: () => this.refused.upstream_overloaded++,
    })
    visit.start()
  }
}

const unlimited = { requests: 0, perInstance: 0, queue: 0, queueTimeoutMs: 0 }

function circuitOpen({ state, counts, policy }: Breaker, waitMs: number): Failure {
  const shown = state === 'open' ? `open for another ${formatDurationMs(waitMs)}` : 'others try whether it has recovered'
  const why = `${counts.failed} of ${counts.total} requests failed within ${formatDurationMs(policy.windowMs)}`
  return { code: 'circuit_open', detail: `${shown}: ${why}`, retryAfterMs: waitMs }
}

interface VisitParts {
  readonly clock: Clock
  readonly concurrency: Concurrency | null
  readonly settle: (outcome: Outcome) => void
  readonly onOverload: () => void
}

/** One exchange at the gate, from its coming to its leave. */
class Visit implements Entrant, Deadline {
  dueAt = Infinity
  place = -1
  readonly #visitor: Visitor
  readonly #parts: VisitParts

  constructor(visitor: Visitor, parts: VisitParts) {
    this.#visitor = visitor
    this.#parts = parts
  }

  get picker(): Picker {
    return this.#visitor.picker
  }

  start(): void {
    const { exchange, deadlines, totalBy } = this.#visitor
    const { concurrency, clock } = this.#parts
    const found = concurrency?.enter(this) ?? 'in'
    if (found === 'in') return this.#enter()
    if (found === 'full') return this.#refuse(overloaded(`${concurrency?.waiting ?? 0} wait already`))
    exchange.downstream.onGone = () =>
      this.#giveUp({ code: 'client_gone', detail: 'the client left while it waited for its turn' })
    this.dueAt = Math.min(clock.thisTurn() + (concurrency?.policy.queueTimeoutMs ?? 0), totalBy)
    deadlines.add(this)
  }

  onTurn(): void {
    this.#stopWaiting()
    this.#enter()
  }

  onDue(): void {
    const { concurrency, clock } = this.#parts
    if (clock.thisTurn() >= this.#visitor.totalBy)
      return this.#giveUp({ code: 'deadline_exceeded', detail: 'the time for the whole request was over before its turn came' })
    const { queueTimeoutMs } = concurrency?.policy ?? unlimited
    this.#giveUp(overloaded(`no turn within ${formatDurationMs(queueTimeoutMs)}, ${concurrency?.active ?? 0} are under way`))
  }

  #enter(): void {
    let isIn = true
    const leave = (outcome: Outcome): void => {
      if (!isIn) return
      isIn = false
      this.#parts.settle(outcome)
      this.#parts.concurrency?.leave()
    }
    try {
      this.#visitor.onEnter(leave)
    } catch (error) {
      // A bug of ours must not cost a turn for ever.
      leave({ attempts: 0, endpoint: null, failure: { code: 'internal', detail: messageOf(error) }, status: 0 })
      throw error
    }
  }

  #giveUp(failure: Failure): void {
    this.#stopWaiting()
    this.#parts.concurrency?.giveUp(this)
    this.#refuse(failure)
  }

  #stopWaiting(): void {
    const { exchange, deadlines } = this.#visitor
    deadlines.remove(this)
    exchange.downstream.onGone = null
  }

  #refuse(failure: Failure): void {
    if (failure.code === 'upstream_overloaded') this.#parts.onOverload()
    this.#parts.settle({ attempts: 0, endpoint: null, failure, status: 0 })
    this.#visitor.onRefused(failure)
  }
}
