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
  readonly body: string
}
