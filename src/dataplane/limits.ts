/** What a listener grants a client at the most. */
export interface ListenerLimits {
  /** The request head, bytes. */
  readonly headBytes: number
  /** Fields in a request head. */
  readonly headerCount: number
  /** To the first octet on a new connection, ms. */
  readonly firstByteTimeoutMs: number
  /** From there to the end of the head, ms. */
  readonly headTimeoutMs: number
  /** To the end of the body, ms; 0: no limit. */
  readonly requestTimeoutMs: number
  /** At which a body has to come at the least, on average over a minute; 0: no limit. */
  readonly bodyBytesPerSecond: number
  /** A kept-alive connection without a request, ms. */
  readonly keepAliveMs: number
  /** Open connections; more are closed at once. */
  readonly connections: number
}
