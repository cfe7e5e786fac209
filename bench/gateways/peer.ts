/** What a gateway is set up for. */
export interface Setup {
  readonly port: number
  /** Ports of the services on 127.0.0.1. */
  readonly services: readonly number[]
  /** 1: everything is routed; more: `/route-0/*` and so on, each a route of its own. */
  readonly routes: number
  /** Processes or threads that carry traffic. */
  readonly workers: number
  /** Further settings, most of them as YAML, which only meshgate has. */
  readonly extra: Extra
  /** A folder for its files, there already. */
  readonly folder: string
}

export interface Extra {
  /** List of filters of each route. */
  readonly filters?: string
  /** Further settings of each route. */
  readonly route?: string
  /** Settings of the upstream. */
  readonly upstream?: string
  /** Whether each exchange writes a line. */
  readonly access?: boolean
  /** Whether nginx gives each request an id, as meshgate always does. */
  readonly requestId?: boolean
  /** Settings of calls by name; set: the listener serves these, for the Host `bench`. */
  readonly mesh?: string
}

/** A gateway that is measured: one file in `peers/` and a line of `peers/table.ts`. */
export interface Peer {
  /** What kind of thing it is, for the table: `nginx 1.22.1`. Throws if there is none; the message says what to do. */
  version(): string
  /** Writes what it needs and gives the command that starts it. */
  command(setup: Setup): readonly string[]
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>
  /** Most routes that it can be set up with. */
  readonly mostRoutes: number
  readonly hasWebSocket: boolean
}
