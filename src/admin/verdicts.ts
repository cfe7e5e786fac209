import { requestIn } from '../controlplane/simulation/logged-request.ts'
import type { VerdictQuestion } from '../controlplane/simulation/sides.ts'
import { GatewayError } from '../errors.ts'

/** Of requests to be judged: 200 lines of a log, each of 64 KiB at most, are less. */
export const VERDICT_BODY_BYTES = 16 * 1024 * 1024
/** At a time: the process that answers may be the one that serves. */
const MOST_ASKED = 200
const MOST_SALT = 100

/** Throws `usage`. */
export function verdictQuestionIn(body: unknown): VerdictQuestion {
  const { requests = [], routes = [], salt = '' } = (body ?? {}) as Record<string, unknown>
  const asked = listIn('requests', requests).map((one) => requestIn((one ?? {}) as Record<string, unknown>))
  const names = listIn('routes', routes)
  if (!isWhole(asked)) throw new GatewayError('usage', 'each of "requests" has the texts "method", "host" and "path"')
  if (!names.every((name) => typeof name === 'string')) throw new GatewayError('usage', '"routes" has names of routes')
  if (typeof salt !== 'string' || salt.length > MOST_SALT)
    throw new GatewayError('usage', `"salt" is a text of at most ${MOST_SALT} characters`)
  return { requests: asked, routes: names, salt }
}

function listIn(name: string, list: unknown): readonly unknown[] {
  if (Array.isArray(list) && list.length <= MOST_ASKED) return list as readonly unknown[]
  throw new GatewayError('usage', `"${name}" is a list of at most ${MOST_ASKED}`)
}

function isWhole<T>(list: readonly (T | null)[]): list is readonly T[] {
  return list.every((one) => one !== null)
}
