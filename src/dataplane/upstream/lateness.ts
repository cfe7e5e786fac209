import type { Failure } from '../exchange.ts'
import type { Ongoing } from './attempt.ts'
import { overloaded } from './overloaded.ts'
import type { Timeouts } from './policy.ts'

/** How far an exchange was when its time was up. */
export interface Progress {
  /** Null: a short body was still being read. */
  readonly attempt: Pick<Ongoing, 'endpoint' | 'isWaiting' | 'sent'> | null
  readonly timeouts: Timeouts
  readonly answering: boolean
  /** The client has not taken what it was sent of the answer. */
  readonly isClientSlow: boolean
  /** The client has not sent the rest of its body, although the upstream would take it. */
  readonly isClientSilent: boolean
  /** Not only this step: the time for the whole exchange is over. */
  readonly isOver: boolean
}

/** Says who was late: only then is it known which endpoint to distrust, and what to tell the client. */
export function lateness({ attempt, timeouts, answering, isClientSlow, isClientSilent, isOver }: Progress): Failure {
  const { connectMs, responseMs, idleMs, tryMs } = timeouts
  if (isClientSlow) return { code: 'client_stalled', detail: `the client took nothing of the answer for ${idleMs} ms` }
  // How much of it was left for this endpoint nobody knows: it is not blamed.
  if (isOver) return { code: 'deadline_exceeded', detail: 'the time for the whole request was over' }
  if (!attempt) return { code: 'request_timeout', detail: `no byte of the request body for ${idleMs} ms` }
  const { key } = attempt.endpoint
  if (attempt.isWaiting) return overloaded(`${key}: no connection was free within ${responseMs} ms`)
  if (!attempt.sent) return { code: 'upstream_connect_timeout', detail: `${key}: no connection within ${connectMs} ms` }
  if (answering) return { code: 'upstream_timeout', detail: `${key}: no byte of the answer for ${idleMs} ms` }
  if (isClientSilent) return { code: 'request_timeout', detail: `no byte of the request body for ${idleMs} ms` }
  return {
    code: 'upstream_timeout',
    detail: `${key}: no answer within ${tryMs > 0 ? `${tryMs} ms, or ` : ''}${responseMs} ms in all, or the body was not read for ${idleMs} ms`,
  }
}
