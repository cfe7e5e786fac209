import type { ErrorCode } from '../../errors.ts'

/** The kinds of failure by the code that an attempt ends with. */
const kindOfCode: Partial<Readonly<Record<ErrorCode, 'connect' | 'reset' | 'timeout'>>> = {
  upstream_connect_failed: 'connect',
  upstream_connect_timeout: 'connect',
  upstream_reset: 'reset',
  upstream_protocol: 'reset',
  upstream_timeout: 'timeout',
}

/** What counts as a failure of an attempt: plain data. */
export interface Faults {
  /** No connection. */
  readonly connect: boolean
  /** The connection broke, or what came was not HTTP. */
  readonly reset: boolean
  /** No answer in time. */
  readonly timeout: boolean
  /** Answers with a status in one of these ranges, first and last included. */
  readonly statuses: readonly (readonly [first: number, last: number])[]
}

/** Whether a failed attempt is one of these. */
export function isFault(faults: Faults, code: ErrorCode): boolean {
  const kind = kindOfCode[code]
  return kind !== undefined && faults[kind]
}

/** Whether an answer is one of these. */
export function isFaultyStatus({ statuses }: Faults, status: number): boolean {
  for (const [first, last] of statuses) if (status >= first && status <= last) return true
  return false
}
