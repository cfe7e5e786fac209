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

/** A real Consul server in a process of its own, with a data folder of its own. */
export interface TestConsul {
  /** `http://127.0.0.1:port`. */
  readonly address: string
  readonly port: number
  /** SIGTERM; resolves when the process is gone and its folder removed. */
  stop(): Promise<void>
  /** SIGKILL; resolves when the process is gone. Its data stays, for `restart`. */
  kill(): Promise<void>
  /** Starts it again with the data it had; it serves some time later. */
  restart(): void
  /** SIGSTOP, and SIGCONT. */
  pause(): void
  resume(): void
}

export interface TestConsulCluster {
  readonly servers: readonly TestConsul[]
  /** The server that leads the cluster now. */
  leader(): Promise<TestConsul>
  /** Starts an agent that is no server; it stops with the cluster. */
  addAgent(): Promise<TestConsul>
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
  const server = await spawnConsul({ name: 'n1', ports: await freePorts(4), expect: 1, join: [] })
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
      spawnConsul({ name: `n${at + 1}`, ports: portsOf(at), expect: count, join: serfPorts.map((port) => `127.0.0.1:${port}`) }),
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
  const agents: TestConsul[] = []
  const addAgent = async (): Promise<TestConsul> => {
    const join = serfPorts.map((port) => `127.0.0.1:${port}`)
    const agent = await spawnConsul({ name: `agent${agents.length}`, ports: await freePorts(4), expect: null, join })
    agents.push(agent)
    await untilServes(agent)
    return agent
  }
  return {
    servers,
    addAgent,
    leader: () => until('the cluster has a leader that serves', () => findLeader(servers), 30_000),
    stop: async () => {
      const all = [...servers, ...agents]
      await Promise.all(all.map((one) => one.kill()))
      await Promise.all(all.map((one) => one.stop()))
    },
  }
}

/** Starts a server in each of two datacenters that know each other, `dc1` and `dc2`. The caller stops both. */
export async function startTwoDatacenters(): Promise<readonly [TestConsul, TestConsul]> {
  const ports = await freePorts(10)
  const spawnIn = (datacenter: string, from: number, farWan: number): Promise<TestConsul> =>
    spawnConsul({
      name: `${datacenter}-n1`,
      ports: ports.slice(from, from + 4),
      expect: 1,
      join: [],
      wan: { datacenter, port: ports[from + 4] ?? 0, join: `127.0.0.1:${farWan}` },
    })
  const servers = await Promise.all([spawnIn('dc1', 0, ports[9] ?? 0), spawnIn('dc2', 5, ports[4] ?? 0)])
  await Promise.all(servers.map(untilServes))
  await until(
    'they know each other',
    async () => ((await (await fetch(`${servers[0].address}/v1/catalog/datacenters`)).json()) as unknown[]).length === 2,
    30_000,
  )
  return servers
}

interface ConsulOptions {
  readonly name: string
  /** HTTP, serf, RPC, DNS. */
  readonly ports: readonly number[]
  /** How many servers form the cluster; null: this one is an agent. */
  readonly expect: number | null
  readonly join: readonly string[]
  /** Where it is, and a server of another datacenter; absent: in `dc1`, alone. */
  readonly wan?: { readonly datacenter: string; readonly port: number; readonly join: string }
}

async function spawnConsul({ name, ports, expect, join: retryJoin, wan }: ConsulOptions): Promise<TestConsul> {
  const binary = consulBinary()
  if (binary === null) throw new Error('there is no consul program: run `sh scripts/install-consul.sh`')
  const [http = 0, serf = 0, rpc = 0] = ports
  const folder = await mkdtemp(join(tmpdir(), 'meshgate-consul-'))
  const config = {
    node_name: name,
    datacenter: wan?.datacenter ?? 'dc1',
    ...(expect === null ? {} : { server: true, bootstrap_expect: expect }),
    bind_addr: '127.0.0.1',
    client_addr: '127.0.0.1',
    disable_update_check: true,
    leave_on_terminate: false,
    log_level: 'warn',
    retry_join: retryJoin,
    retry_interval: '1s',
    ...(wan && { retry_join_wan: [wan.join], retry_interval_wan: '1s' }),
    check_update_interval: '0s',
    ports: { http, dns: -1, grpc: -1, serf_lan: serf, serf_wan: wan?.port ?? -1, server: rpc },
    performance: { raft_multiplier: 1 },
  }
  await writeFile(join(folder, 'consul.json'), JSON.stringify(config))
  const start = (): ChildProcess => {
    const args = ['agent', '-data-dir', join(folder, 'data'), '-config-file', join(folder, 'consul.json')]
    return endsWithUs(spawn(binary, args, { stdio: 'ignore' }))
  }
  let child = start()
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill(signal)
    await exited
  }
  return {
    address: `http://127.0.0.1:${http}`,
    port: http,
    kill: () => end('SIGKILL'),
    stop: async () => {
      await end('SIGTERM')
      await rm(folder, { recursive: true, force: true })
    },
    restart: () => void (child = start()),
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
  }
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
