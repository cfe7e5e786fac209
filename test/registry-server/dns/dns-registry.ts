import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Address } from '../../../src/address.ts'
import { systemClock, systemRandom, type Clock, type Random } from '../../../src/clock.ts'
import { silentLogger } from '../../../src/logging.ts'
import { dnsDefaults, type DnsOptions } from '../../../src/registry-server/dns/options.ts'
import { startRegistryServer } from '../../../src/registry-server/server.ts'
import { consulBinary, skipWithoutConsul } from '../../support/consul.ts'
import { freePorts } from '../../support/meshgate-process.ts'
import { put } from '../../support/registries.ts'
import { until } from '../../support/until.ts'
import { endsWithUs } from '../../support/ends-with-us.ts'

/** A registry of the node `n1` in `dc1` that answers DNS. */
export interface DnsRegistry {
  /** `http://127.0.0.1:port` */
  readonly url: string
  /** Of DNS. */
  readonly port: number
  close(): Promise<void>
}

export interface DnsTestOptions extends Partial<Omit<DnsOptions, 'bind'>> {
  readonly clock?: Clock
  readonly random?: Random
}

const anyPort: Address = { host: '127.0.0.1', port: 0 }

/** The embedded registry, in memory. The caller closes it. */
export async function openDns({
  clock = systemClock,
  random = systemRandom,
  ...options
}: DnsTestOptions = {}): Promise<DnsRegistry> {
  const server = await startRegistryServer({
    http: anyPort,
    data: null,
    node: 'n1',
    datacenter: 'dc1',
    dns: { ...dnsDefaults, ...options, bind: anyPort },
    clock,
    random,
    logger: silentLogger,
  })
  return { url: `http://127.0.0.1:${server.address.port}`, port: server.dnsAddress?.port ?? 0, close: () => server.close() }
}

/** The real Consul, with more of its config. The caller closes it. */
export async function openConsulDns(config: object = {}): Promise<DnsRegistry> {
  const folder = mkdtempSync(join(tmpdir(), 'meshgate-consul-dns-'))
  const [http = 0, dns = 0, lan = 0, wan = 0, server = 0] = await freePorts(5)
  const all = {
    node_name: 'n1',
    datacenter: 'dc1',
    server: true,
    bootstrap_expect: 1,
    bind_addr: '127.0.0.1',
    client_addr: '127.0.0.1',
    disable_update_check: true,
    log_level: 'err',
    performance: { raft_multiplier: 1 },
    ports: { http, dns, grpc: -1, serf_lan: lan, serf_wan: wan, server },
    ...config,
  }
  const child = endsWithUs(
    spawn(consulBinary() ?? 'consul', ['agent', '-data-dir', join(folder, 'data'), '-hcl', JSON.stringify(all)], {
      stdio: 'ignore',
    }),
  )
  const ended = once(child, 'exit')
  const url = `http://127.0.0.1:${http}`
  const close = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await until(
      'consul leads',
      async () => (await (await fetch(`${url}/v1/health/service/consul?passing`)).text()).includes('n1'),
      30_000,
    )
  } catch (error) {
    await close()
    throw error
  }
  return { url, port: dns, close }
}

export interface DnsTarget {
  readonly name: string
  readonly skip: string | false
  readonly open: () => Promise<DnsRegistry>
}

/** Both registries: what holds for one has to hold for the other. */
export const dnsTargets: readonly DnsTarget[] = [
  { name: 'the embedded registry', skip: false, open: () => openDns() },
  { name: 'the real Consul', skip: skipWithoutConsul(), open: () => openConsulDns() },
]

export async function register(url: string, registration: object): Promise<void> {
  await put(url, '/v1/catalog/register', JSON.stringify(registration))
}
