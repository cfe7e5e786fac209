import { messageOf, systemCodeOf } from '../../errors.ts'

const sentences: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  ETIMEDOUT: 'i/o timeout',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ENOTFOUND: 'no such host',
}

/** Why a connection was not made, in the words that Consul's users know. */
export function dialProblem(target: string, error: unknown): string {
  return `dial tcp ${target}: ${sentences[systemCodeOf(error) ?? ''] ?? messageOf(error)}`
}
