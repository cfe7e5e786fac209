import { nearest } from '../../did-you-mean.ts'

/** Under this name Consul lists the RPC ports of its own servers: no caller has business there. */
const registryOwnService = 'consul'

/** Names that are told of a name that is not there. */
const MOST_NEAR = 3

/** The services that a registry lists in one datacenter and that may be called. Immutable. */
export class ServiceNames {
  readonly #names: ReadonlySet<string>
  /** Callers' host names have no case (RFC 9110 §4.2.3), the names of services have. */
  readonly #byLowerCase: ReadonlyMap<string, string>

  constructor(listed: readonly string[]) {
    const callable = listed.filter((name) => name !== registryOwnService)
    this.#names = new Set(callable)
    this.#byLowerCase = new Map(callable.map((name) => [name.toLowerCase(), name]))
  }

  has(name: string): boolean {
    return this.#names.has(name)
  }

  /** The service that is called so, or else so but for its case; undefined: there is none. */
  find(name: string): string | undefined {
    return this.#names.has(name) ? name : this.#byLowerCase.get(name.toLowerCase())
  }

  near(name: string, others: Iterable<string> = []): readonly string[] {
    return nearest(name, [...new Set([...this.#names, ...others])], MOST_NEAR)
  }
}
