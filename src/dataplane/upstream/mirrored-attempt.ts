import type { Clock } from '../../clock.ts'
import type { Asker, HeaderList } from '../exchange.ts'
import { Attempt, type AttemptOwner } from './attempt.ts'
import type { Deadline, Deadlines } from './deadlines.ts'
import type { Picker } from './picker.ts'
import type { Upstream } from './upstream.ts'

interface Owner {
  readonly target: { readonly upstream: Upstream; readonly picker: Picker }
  readonly timeoutMs: number
  readonly clock: Clock
  readonly deadlines: Deadlines
  /** Called once. */
  onDone(): void
}

/** The one try of a mirrored request: it reads the answer to its end and keeps nothing of it. */
export class MirroredAttempt implements AttemptOwner, Deadline {
  dueAt = Infinity
  place = -1
  readonly isHolding = false
  readonly #asker: Asker
  readonly #message: { readonly headers: HeaderList; readonly body: Buffer | null }
  readonly #owner: Owner
  #attempt: Attempt | null = null
  #status = 0

  constructor(asker: Asker, message: { readonly headers: HeaderList; readonly body: Buffer | null }, owner: Owner) {
    this.#asker = asker
    this.#message = message
    this.#owner = owner
  }

  start(): void {
    const { target, clock, deadlines, timeoutMs } = this.#owner
    const endpoint = target.picker.pick(this.#asker, [])
    if (!endpoint || endpoint.isFull) return this.#done('skipped')
    this.dueAt = clock.thisTurn() + timeoutMs
    deadlines.add(this)
    this.#attempt = new Attempt(endpoint, { head: this.#asker.request, ...this.#message, clock }, this)
    this.#attempt.start()
  }

  onConnecting(): void {}

  onSending(): void {}

  onBodyProgress(): void {}

  onInterim(): void {}

  onHead(status: number): void {
    this.#status = status
  }

  onData(): boolean {
    return true
  }

  onEnd(): void {
    this.#done(this.#status >= 500 ? 'failed' : 'sent')
  }

  onFailure(): void {
    this.#done('failed')
  }

  onDue(): void {
    this.#attempt?.abort()
    this.#done('failed')
  }

  #done(outcome: 'sent' | 'failed' | 'skipped'): void {
    this.#owner.deadlines.remove(this)
    this.#owner.target.upstream.mirrored[outcome]++
    this.#owner.onDone()
  }
}
