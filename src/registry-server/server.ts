import { formatAddress, type Address } from '../address.ts'
import type { Clock, Random } from '../clock.ts'
import { listen } from '../listen.ts'
import type { Logger } from '../logging.ts'
import { Access, type AccessOptions } from './access.ts'
import { Agent } from './agent.ts'
import { AnswerCache } from './api/answer-cache.ts'
import { BlockedQueries } from './api/blocking.ts'
import { dispatch } from './api/dispatch.ts'
import type { Registry } from './api/registry.ts'
import type { DnsOptions } from './dns/options.ts'
import { startDnsServer, type DnsServer } from './dns/server.ts'
import { Expiry } from './expiry.ts'
import { HttpServer, type TlsFiles } from './http-server.ts'
import { LogFeed } from './log-feed.ts'
import { registerOwnNode } from './own-node.ts'
import { Journal } from './store/journal.ts'
import { Store } from './store/store.ts'

export interface RegistryOptions {
  readonly http: Address
  /** The data folder; null keeps everything in memory, for tests. */
  readonly data: string | null
  readonly node: string
  readonly datacenter: string
  /** Whether checks may run programs; default false. */
  readonly enableScripts?: boolean
  /** Who may use the HTTP API; default: everybody who reaches it. */
  readonly access?: AccessOptions
  /** Serves HTTPS in place of HTTP; default null. */
  readonly tls?: TlsFiles | null
  /** How DNS is answered; default null: it is not. */
  readonly dns?: DnsOptions | null
}

export interface RegistryServerOptions extends RegistryOptions {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

export interface RegistryServer {
  readonly address: Address
  /** Where DNS is answered, over UDP and TCP; null: nowhere. */
  readonly dnsAddress: Address | null
  /** Answers who waits, commits what is pending, and lets go of the port and the data folder. */
  close(): Promise<void>
}

/**
 * Starts a registry that answers Consul's HTTP API, and DNS. The caller closes it. Throws `data_locked` and `data_unusable` (the data folder),
 * `port_in_use` and `bind_failed` (the addresses), `config_unreadable` (the TLS files).
 */
export async function startRegistryServer(options: RegistryServerOptions): Promise<RegistryServer> {
  const { http, data, node, datacenter, enableScripts = false, tls = null, dns = null, clock, random } = options
  const logs = new LogFeed(options.logger)
  const { logger } = logs
  const access = new Access(options.access ?? { token: null, readToken: null })
  const store = new Store({ clock, logger, journal: data === null ? null : Journal.open(data) })
  const agent = new Agent({ store, clock, random, logger, node, address: reachable(http.host), enableScripts })
  const expiry = new Expiry({ store, agent, clock, logger })
  const blocked = new BlockedQueries({ store, clock, random })
  const answers = new AnswerCache()
  const registry: Registry = { store, agent, expiry, blocked, access, answers, logs, datacenter, clock, random }
  let dnsServer: DnsServer | null = null
  try {
    const server = new HttpServer({ tls, clock, serve: (incoming) => dispatch(registry, incoming) })
    await registerOwnNode(store, node, agent.address)
    if (dns) dnsServer = await startDnsServer(dns, { state: store.state, node, datacenter, clock, random, logger })
    const address = await listen(server.server, http, 'registry.embedded.http')
    agent.start()
    expiry.start()
    const where = formatAddress(address)
    logger.info(
      { event: 'registry.started', address: where, node, datacenter, data },
      `registry "${node}" on ${tls ? 'https' : 'http'}://${where}`,
    )
    const dnsAddress = dnsServer?.address ?? null
    return { address, dnsAddress, close: () => close({ server, dnsServer }, registry) }
  } catch (error) {
    await dnsServer?.close()
    store.close()
    throw error
  }
}

interface Servers {
  readonly server: HttpServer
  readonly dnsServer: DnsServer | null
}

async function close({ server, dnsServer }: Servers, { store, agent, expiry, blocked }: Registry): Promise<void> {
  const closed = server.close()
  await dnsServer?.close()
  expiry.close()
  agent.close()
  blocked.close()
  store.close()
  // Two turns of the event loop: what was just answered leaves before its connection is closed.
  for (let turn = 0; turn < 2; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
  server.destroyConnections()
  await closed
}

/** The host under which this node is listed: what binds everywhere is reached on the loopback. */
function reachable(host: string): string {
  return host === '0.0.0.0' || host === '::' || host === 'localhost' ? '127.0.0.1' : host
}
