import type { z } from 'zod'
import type { Address } from '../address.ts'

/** What one probe found. `detail` is for people: `HTTP 503`, `connect ECONNREFUSED`, `no answer in 1s`. */
export interface ProbeResult {
  readonly ok: boolean
  readonly detail: string
}

/** Sends one probe and resolves within `timeoutMs` (or when `signal` aborts); it never rejects. */
export type Probe = (target: Address, options: { readonly timeoutMs: number; readonly signal: AbortSignal }) => Promise<ProbeResult>

/** What one line of the probe table holds: the schema of the value of the probe's key in YAML, and the maker. */
export interface ProbeKind<Options> {
  readonly options: z.ZodType<Options>
  create(options: Options): Probe
}
