import type { Clock } from '../../clock.ts'
import type { Exchange } from '../../dataplane/exchange.ts'
import { callInternally } from '../../dataplane/internal-call.ts'
import { GatewayError } from '../../errors.ts'
import type { TaskRequest } from './task-kind.ts'

/**
 * Sends the calls of tasks the way of all calls by name (`serve`): same upstreams, same retries. A call throws `task_failed` if no service
 * has answered it; the code of the reason stands in the message.
 */
export function serviceCaller(clock: Clock, serve: (exchange: Exchange) => void) {
  return async (request: TaskRequest): Promise<{ readonly status: number }> => {
    const { method, service, path } = request
    const requestId = request.headers['Idempotency-Key'] ?? service
    const { status, failure } = await callInternally({ ...request, requestId }, clock, serve)
    const what = `${method} http://${service}${path}`
    if (failure) throw new GatewayError('task_failed', `${what} failed: ${failure.detail} (${failure.code})`)
    if (status === null) throw new GatewayError('task_failed', `${what} ended before its answer was complete`)
    return { status }
  }
}
