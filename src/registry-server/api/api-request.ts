/** One request, as the handlers see it. */
export interface ApiRequest {
  readonly method: string
  /** The whole path, percent-decoded. */
  readonly path: string
  /** What follows the route's path, percent-decoded: the key, the id, the name. */
  readonly rest: string
  readonly query: URLSearchParams
  readonly body: Buffer
  readonly isPretty: boolean
  /** The value of the first field of that name, or undefined. */
  header(lowerName: string): string | undefined
  /** Calls `run` when the client leaves before it was answered; returns how to stop listening. */
  onGone(run: () => void): () => void
}
