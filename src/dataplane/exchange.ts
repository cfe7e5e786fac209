import type { Readable } from 'node:stream'
import type { Address } from '../address.ts'
import type { ErrorCode } from '../errors.ts'

/** Field names and values in wire order: name, value, name, value… Names keep the case they came in. */
export type HeaderList = string[]

/** What routing, filters and balancing see of a request. Filters may change what is not readonly; nothing else may. */
export interface RequestHead {
  readonly method: string
  /** Host and port as the client wrote them: `Shop.example.com:8080`. */
  readonly authority: string
  /** The authority's host in lower case, without port and trailing dot. */
  readonly host: string
  /** Normalised once for matching and forwarding (`http/target-path.ts`); starts with `/`; still percent-encoded. */
  path: string
  /** Empty, or `?` and the query as received. */
  query: string
  /** After the listener took them in: hop-by-hop fields are still here, forwarding fields as received. */
  headers: HeaderList
  /** The peer's IP address, no port. */
  readonly clientAddress: string
  /** Names this request in logs and replies. */
  readonly requestId: string
  /** What filters allow for the whole exchange, ms from its begin; absent: as long as the route. */
  totalMs?: number
  /** What filters remember of it until its answer, each under an object of its own. (A WeakMap would cost the garbage collector more.) */
  notes?: Map<object, unknown>
}

/** The head of the answer on its way down; filters may change it. */
export interface ResponseHead {
  status: number
  headers: HeaderList
}

/** A whole answer that the gateway gives by itself. */
export interface LocalReply {
  readonly status: number
  readonly headers: HeaderList
  readonly body: string | Uint8Array
  /** Set if it refuses: under which code it is counted and logged. */
  readonly failure?: Failure
}

/** The body of a request on its way in. */
export interface RequestBody {
  /** From Content-Length; null: chunked. */
  readonly lengthBytes: number | null
  /** All of a body with a length, if it has come before anybody asked for the stream, which then need not be made. What a filter makes of a body has none. */
  readonly whole?: Buffer | undefined
  /** Destroying it stops the reading and leaves the client's connection usable for a reply. */
  readonly stream: Readable
}

/** The client's side of an exchange: where the answer goes. */
export interface Downstream {
  /** Whether a byte of the answer has been handed over. */
  readonly started: boolean
  /** Whether the client has left: what is handed over goes nowhere. */
  readonly gone: boolean
  /** The status handed over; 0 before. */
  readonly status: number
  /** Bytes of the body handed over. */
  readonly bytes: number
  /** Whether the piece given to `write` last may still be looked at, so that it must not be changed. Absent: always. */
  readonly isHolding?: boolean
  /** Hands over an interim answer (1xx). Absent: there is nobody to whom it would mean anything. */
  interim?(head: ResponseHead): void
  head(head: ResponseHead): void
  /** False: the client reads slower than we write; wait for `onDrain`. */
  write(chunk: Uint8Array): boolean
  end(): void
  /** Cuts the connection: the only way to tell a client that a begun answer is broken. */
  destroy(): void
  onDrain: (() => void) | null
  /** The client left before the answer was complete. */
  onGone: (() => void) | null
}

/** Why an attempt failed. */
export interface Failure {
  readonly code: ErrorCode
  /** For logs, never for a client. */
  readonly detail: string
  /** One more sentence for the client: like the code's own it names no address and no internals. */
  readonly hint?: string
  /** When it is worth to come again, ms, if that is known. */
  readonly retryAfterMs?: number
}

export interface TunnelOptions {
  readonly address: Address
  readonly path: string
  readonly headers: HeaderList
  /** To the connection, ms. */
  readonly connectMs: number
  /** From there to the agreement of the upstream, ms. */
  readonly responseMs: number
  /** Without a byte in either direction, ms. */
  readonly idleMs: number
  /** No tunnel: the client has got nothing yet. `sent`: the upstream may have seen the request. */
  onFailure(failure: Failure, sent: boolean): void
  /** It has been open, or the upstream's refusal has gone to the client, and all is closed. */
  onClose(): void
}

/** What a client that asked for an upgrade offers: its connection. */
export interface Tunnel {
  /** The name in the Upgrade field: `websocket`. */
  readonly protocol: string
  /** Joins the client with an endpoint. */
  open(options: TunnelOptions): void
}

/** Where an exchange went; null: it did not get that far. */
export interface TracedWay {
  readonly route: string | null
  readonly upstream: { readonly name: string; readonly members: { readonly all: readonly TracedMember[] } } | null
}

/** An instance, as a trace tells of it. */
export interface TracedMember {
  readonly id: string
  readonly endpoint: { readonly key: string }
  /** Why it gets nothing; null: it may. */
  readonly exclusion: string | null
  readonly detail?: string | null | undefined
}

/** Notes how one exchange goes, for a client that may see it. */
export interface Trace {
  /** The config by which its route is found. */
  begin(generation: number): void
  /** An attempt, by its address. */
  tries(address: string): void
  /** What became of the attempt. */
  note(what: string): void
  /** Writes it into the head of the answer. */
  tell(headers: HeaderList, way: TracedWay): void
}

/** How much `Proxy-Status` reveals: nothing, the kind of the error with our code, or the reason with the address of the instance too. */
export type ProxyStatusLevel = 'off' | 'code' | 'reason'

/** One request with its answer. */
export interface Exchange {
  readonly request: RequestHead
  readonly body: RequestBody | null
  readonly downstream: Downstream
  /** Set if the client asked for an upgrade. */
  readonly tunnel: Tunnel | null
  /** Whether the client takes us for a proxy: it says to whom we are to go (RFC 9112 §3.2.2, §3.2.3). Absent: no. */
  readonly isForProxy?: boolean
  /** Whether the peer's forwarding fields are believed. */
  readonly trusted: boolean
  /** Which addresses' forwarding fields are believed; absent: no more is known than `trusted`. */
  readonly isTrusted?: (address: string) => boolean
  /** How much our own replies reveal in `Proxy-Status`; absent: nothing. */
  readonly proxyStatus?: ProxyStatusLevel
  /** Learns why there is no answer of the service, before the gateway's own one goes out. */
  readonly onFailure?: (failure: Failure) => void
  /** Set if the client may see how it goes. */
  readonly trace?: Trace
  /** Monotonic ms of its begin. */
  readonly since: number
}

/** What may be known of an exchange when an endpoint is picked for it. */
export type Asker = Pick<Exchange, 'request' | 'trusted' | 'isTrusted'>
