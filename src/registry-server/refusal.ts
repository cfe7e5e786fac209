/** An answer other than the wished one: the HTTP status and the sentence that clients of Consul know, word for word. */
export class Refusal extends Error {
  readonly status: number
  /** Whether the read headers (X-Consul-Index: 1, …) go with it: Consul sends them with errors found after the read began. */
  readonly duringRead: boolean

  constructor(status: number, text: string, { duringRead = false }: { duringRead?: boolean } = {}) {
    super(text)
    this.name = 'Refusal'
    this.status = status
    this.duringRead = duringRead
  }
}
