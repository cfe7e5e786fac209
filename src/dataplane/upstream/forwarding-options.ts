import type { Clock, Random } from '../../clock.ts'
import type { Exchange, HeaderList, ResponseHead } from '../exchange.ts'
import type { Deadlines } from './deadlines.ts'
import type { Endpoint } from './endpoint.ts'
import type { Outcome } from './outcome.ts'
import type { Picker } from './picker.ts'
import type { AttemptPolicy } from './policy.ts'
import type { Upstream } from './upstream.ts'

/** What is needed to take an exchange to its upstream. */
export interface ForwardingOptions {
  readonly exchange: Exchange
  readonly upstream: Upstream
  /** Where in the upstream. */
  readonly picker: Picker
  readonly policy: AttemptPolicy
  /** The request's fields as the upstream gets them. */
  readonly headers: HeaderList
  readonly deadlines: Deadlines
  readonly clock: Clock
  readonly random: Random
  /** Turns the head that an endpoint gave into the client's. */
  readonly outgoing: (head: ResponseHead, endpoint: Endpoint | null) => ResponseHead
  /** Called once. If the outcome is a failure and the answer has not begun, the caller still has to reply. */
  readonly onDone: (outcome: Outcome) => void
}
