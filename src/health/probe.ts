import type { z } from 'zod'
import type { Address } from '../address.ts'

/** What one probe found. `detail` is for people: `HTTP 503`, `connect ECONNREFUSED 127.0.0.1:9001`. */
export interface ProbeResult {
  readonly ok: boolean
  readonly detail: string
}

/** Sends one probe; ends and frees its connection when `signal` aborts (that is also how its deadline reaches it); it never rejects. */
export type Probe = (target: Address, signal: AbortSignal) => Promise<ProbeResult>

/** What one line of the probe table holds: the schema of the value of the probe's key in YAML, and the maker. */
export interface ProbeKind<Options> {
  readonly options: z.ZodType<Options>
  /** What is asked, in a word, for reasons: `/healthz`. */
  title(options: Options): string
  create(options: Options): Probe
}
