import type { Failure } from '../exchange.ts'
import type { Endpoint } from './endpoint.ts'

/** How an exchange went at its upstream. */
export interface Outcome {
  readonly attempts: number
  /** The endpoint of the last attempt. */
  readonly endpoint: Endpoint | null
  /** Null: the whole answer went down. */
  readonly failure: Failure | null
  /** Of the upstream's answer; 0: there was none. */
  readonly status: number
}
