import type { z } from 'zod'
import type { Clock, Random } from '../../clock.ts'
import type { Logger } from '../../logging.ts'
import type { Asker, Downstream, LocalReply, RequestBody, RequestHead, ResponseHead } from '../exchange.ts'
import type { DecoratedDownstream } from './decorated-downstream.ts'

/** What every filter is given when it is made. */
export interface FilterDeps {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Set if the same filter runs in other workers of this gateway too: two numbers in [0, 1) that all have, and no client knows. */
  readonly peers?: { readonly secret: readonly [number, number] } | undefined
}

/**
 * One step on the request and/or the response of a route. It holds no state of a single exchange: one instance serves all. What it writes into a
 * head goes out as it is, so it has to be legal (RFC 9110 §5.5): from the config, which was parsed, from the message itself, or else looked at
 * with `assertFields`.
 */
export interface Filter {
  /** Runs in declared order. Changes the head in place, or returns a reply: then no upstream is asked. */
  onRequest?(request: RequestHead, asker: Asker): LocalReply | undefined | Promise<LocalReply | undefined>
  /** Gives the body that goes up, in declared order; destroying its stream must destroy the one it was made of. */
  onRequestBody?(body: RequestBody): RequestBody
  /** Runs in reverse order on the head of the answer, an upstream's or a local one. */
  onResponse?(response: ResponseHead, request: RequestHead): void
  /** Whether `onResponseBody` is to take part in an answer with that head, as all `onResponse` have left it; absent: in every one. It also
   *  does if another filter's does: what that makes of the answer is seen by this one too. */
  changesBody?(response: ResponseHead, request: RequestHead): boolean
  /** Takes the client's place for one answer and hands on what it makes of it; after all `onResponse`, in reverse order. */
  onResponseBody?(downstream: Downstream, request: RequestHead): DecoratedDownstream
  /** What it counts that its peers are to know. */
  readonly tally?: Tally | undefined
  /** What it limits together with the same filter of other replicas. */
  readonly quota?: Quota | undefined
  /** Ends what it holds (connections, threads); called once it serves no route any more. */
  close?(): void
}

/** What a filter counts, for the same filter in other workers. */
export interface Tally {
  /** What has been counted here since the last call; empty: nothing. */
  take(): Uint32Array
  /** Takes what a peer has counted, as its `take` gave it. */
  add(counted: Uint32Array): void
}

/** A limit that the replicas of a fleet keep together: each has a part of it. */
export interface Quota {
  /** The whole limit, in requests per second. */
  readonly perSecond: number
  /** Set if each key has the limit for itself. */
  readonly keys: QuotaKeys | null
  /** Requests here since the last call, whatever became of them. */
  takeAsked(): number
  /** So much of the limit is this replica's from now on, 0 … 1. */
  setPart(ratio: number): void
}

/** What keys have taken of a limit, for the other replicas. */
export interface QuotaKeys extends Tally {
  /** All replicas have to have the same to know whom the others tell of. Another one begins with full buckets. */
  setSecret(secret: readonly [number, number]): void
}

/** What one line of the filter table holds: the schema of the options (the value of the filter's key in YAML) and the maker. */
export interface FilterKind<Options> {
  /** Parsing what it has parsed gives the same again. */
  readonly options: z.ZodType<Options>
  create(options: Options, deps: FilterDeps): Filter
  /** Set if `onRequest` looks at nothing but the request and changes nothing but it, so that it can be tried out. */
  readonly isPure?: true
  /** What else than its options a filter is made of: with another version it is made anew. Absent: nothing. */
  versionOf?(options: unknown): string | null
}

/** A filter of a route as config: plain data. */
export interface FilterSpec {
  readonly kind: string
  readonly options: unknown
  /** Of what it is made of beside its options. */
  readonly version?: string | undefined
}
