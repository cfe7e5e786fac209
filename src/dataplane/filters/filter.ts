import type { z } from 'zod'
import type { LocalReply, RequestHead, ResponseHead } from '../exchange.ts'

/** One step on the request and/or the response of a route. It holds no state of a single exchange: one instance serves all. */
export interface Filter {
  /** Runs in declared order. Changes the head in place, or returns a reply: then no upstream is asked. */
  onRequest?(request: RequestHead): LocalReply | undefined | Promise<LocalReply | undefined>
  /** Runs in reverse order on the head of the answer, an upstream's or a local one. */
  onResponse?(response: ResponseHead, request: RequestHead): void
}

/** What one line of the filter table holds: the schema of the options (the value of the filter's key in YAML) and the maker. */
export interface FilterKind<Options> {
  readonly options: z.ZodType<Options>
  create(options: Options): Filter
}

/** A filter of a route as config: plain data. */
export interface FilterSpec {
  readonly kind: string
  readonly options: unknown
}
