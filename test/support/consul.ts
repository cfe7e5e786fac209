import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePorts } from './meshgate-process.ts'
import { until } from './until.ts'
import { endsWithUs } from './ends-with-us.ts'

/** A real Consul server in a process of its own, with an empty data folder. */
export interface TestConsul {
  /** `http://127.0.0.1:port`. */
  readonly address: string
  readonly port: number
  readonly pid: number
  /** SIGTERM, or SIGKILL; resolves when the process is gone and its folder removed. */
  stop(): Promise<void>
  kill(): Promise<void>
}

export interface TestConsulCluster {
  readonly servers: readonly TestConsul[]
  /** The server that leads the cluster now. */
  leader(): Promise<TestConsul>
  stop(): Promise<void>
}

/** The path of the `consul` program, of `scripts/install-consul.sh` or on the PATH; null: there is none. */
export function consulBinary(): string | null {
  const installed = fileURLToPath(new URL('../../.consul/usr/bin/consul', import.meta.url))
  const onPath = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'consul'))
  return [installed, ...onPath].find((file) => existsSync(file)) ?? null
}

/** For `{ skip }` of a test that needs the real Consul: the reason where there is none; on CI its absence is a failure, not a skip. */
export function skipWithoutConsul(): string | false {
  if (consulBinary() !== null || process.env['CI'] === 'true') return false
  return 'there is no consul program: run `sh scripts/install-consul.sh` once'
}

/** Starts one server and waits until it leads. The caller stops it. */
export async function startConsul(): Promise<TestConsul> {
  const server = await spawnServer({ name: 'n1', ports: await freePorts(4), expect: 1, join: [] })
  await untilServes(server)
  return server
}

/** Starts servers that form one cluster, and waits until it has a leader and all are healthy. The caller stops it. */
export async function startConsulCluster(count: number): Promise<TestConsulCluster> {
  const ports = await freePorts(4 * count)
  const portsOf = (at: number): readonly number[] => ports.slice(4 * at, 4 * at + 4)
  const serfPorts = Array.from({ length: count }, (_, at) => portsOf(at)[1])
  const servers = await Promise.all(
    Array.from({ length: count }, (_, at) =>
      spawnServer({ name: `n${at + 1}`, ports: portsOf(at), expect: count, join: serfPorts.map((port) => `127.0.0.1:${port}`) }),
    ),
  )
  await Promise.all(servers.map(untilServes))
  await until(
    'all servers are healthy',
    async () => {
      const nodes = (await (await fetch(`${servers[0]?.address}/v1/health/service/consul?passing`)).json()) as unknown[]
      return nodes.length === count
    },
    30_000,
  )
  return {
    servers,
    leader: () => until('the cluster has a leader that serves', () => findLeader(servers), 30_000),
    stop: async () => void (await Promise.all(servers.map((server) => server.kill()))),
  }
}

interface ServerOptions {
  readonly name: string
  /** HTTP, serf, RPC, DNS. */
  readonly ports: readonly number[]
  readonly expect: number
  readonly join: readonly string[]
}

async function spawnServer({ name, ports, expect, join: retryJoin }: ServerOptions): Promise<TestConsul> {
  const binary = consulBinary()
  if (binary === null) throw new Error('there is no consul program: run `sh scripts/install-consul.sh`')
  const [http = 0, serf = 0, rpc = 0] = ports
  const folder = await mkdtemp(join(tmpdir(), 'meshgate-consul-'))
  const config = {
    node_name: name,
    datacenter: 'dc1',
    server: true,
    bootstrap_expect: expect,
    bind_addr: '127.0.0.1',
    client_addr: '127.0.0.1',
    disable_update_check: true,
    leave_on_terminate: false,
    log_level: 'warn',
    retry_join: retryJoin,
    retry_interval: '1s',
    check_update_interval: '0s',
    ports: { http, dns: -1, grpc: -1, serf_lan: serf, serf_wan: -1, server: rpc },
    performance: { raft_multiplier: 1 },
  }
  await writeFile(join(folder, 'consul.json'), JSON.stringify(config))
  const child = endsWithUs(
    spawn(binary, ['agent', '-data-dir', join(folder, 'data'), '-config-file', join(folder, 'consul.json')], {
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  )
  const end = ending(child, folder)
  return {
    address: `http://127.0.0.1:${http}`,
    port: http,
    pid: child.pid ?? 0,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  }
}

function ending(child: ChildProcess, folder: string): (signal: NodeJS.Signals) => Promise<void> {
  child.stdout?.resume()
  child.stderr?.resume()
  const exited = once(child, 'exit')
  const killWithUs = (): void => void child.kill('SIGKILL')
  process.once('exit', killWithUs)
  endOnSigterm()
  return async (signal) => {
    child.kill(signal)
    await exited
    process.off('exit', killWithUs)
    await rm(folder, { recursive: true, force: true })
  }
}

let endsOnSigterm = false

/** A test process that fails or is stopped must not leave servers behind, and 'exit' is not told to one that a signal ends. */
function endOnSigterm(): void {
  if (endsOnSigterm) return
  endsOnSigterm = true
  process.once('SIGTERM', () => process.exit(143))
}

/** A server serves when it knows a leader and its own node is in the catalog with its serf check. */
async function untilServes({ address }: TestConsul): Promise<void> {
  await until(
    `consul at ${address} serves`,
    async () => ((await (await fetch(`${address}/v1/health/service/consul?passing`)).json()) as unknown[]).length > 0,
    30_000,
  )
}

async function findLeader(servers: readonly TestConsul[]): Promise<TestConsul | null> {
  for (const server of servers) {
    const stats = await raftStats(server)
    if (stats?.state === 'Leader') return server
  }
  return null
}

async function raftStats({ address }: TestConsul): Promise<{ state?: string } | null> {
  try {
    const answer = await fetch(`${address}/v1/agent/self`, { signal: AbortSignal.timeout(2_000) })
    return ((await answer.json()) as { Stats: { raft: { state?: string } } }).Stats.raft
  } catch {
    // A server that has been killed is not the leader.
    return null
  }
}
