/**
 * Held blocking queries of the embedded registry beside the real Consul: what 5,000 of them cost in memory and, while nothing changes, in
 * CPU time; how fast a change reaches the one watcher that it concerns, and how fast all watchers of one key.
 * `node bench/registry-watchers.ts [--watchers 5000 --idle 10 --changes 200]`. Linux only: memory and CPU time are of /proc.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { consulBinary } from '../test/support/consul.ts'
import { freePorts } from '../test/support/meshgate-process.ts'
import { put } from '../test/support/registries.ts'
import { until } from '../test/support/until.ts'

const { values } = parseArgs({
  options: {
    watchers: { type: 'string', default: '5000' },
    idle: { type: 'string', default: '10' },
    changes: { type: 'string', default: '200' },
    json: { type: 'boolean', default: false },
  },
})
const watchers = Number(values.watchers)
const folder = mkdtempSync(join(tmpdir(), 'meshgate-bench-watchers-'))
const children: ChildProcess[] = []

interface Server {
  readonly name: string
  readonly port: number
  readonly pid: number
}

interface Measured {
  readonly name: string
  /** Resident memory for each held query, KiB. */
  readonly kibPerWatcher: number
  readonly residentMib: number
  /** CPU time while nothing changes, as a share of one core. */
  readonly idleCpuPercent: number
  /** From sending the write to the answer of its one watcher, ms. */
  readonly oneP50Ms: number
  readonly oneP99Ms: number
  /** From sending the write to the first, the middle and the last answer of all watchers of one key, ms. */
  readonly allFirstMs: number
  readonly allMiddleMs: number
  readonly allLastMs: number
  /** CPU time of the server for one write with all its answers, ms. */
  readonly allCpuMs: number
}

try {
  const measured: Measured[] = []
  for (const server of [await startMeshgate(), await startConsul()]) measured.push(await measure(server))
  const method = { ...values, node: process.version, cpu: cpus()[0]?.model, cores: cpus().length }
  if (values.json) console.log(JSON.stringify({ method, measured }, null, 2))
  else console.table(measured)
} finally {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
}

async function startMeshgate(): Promise<Server> {
  const [port = 0] = await freePorts(1)
  const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))
  const args = ['registry', '--http', `127.0.0.1:${port}`, '--dns', 'off', '--data', join(folder, 'meshgate')]
  return ready({ name: 'meshgate', port, pid: start(process.execPath, [main, ...args]) })
}

async function startConsul(): Promise<Server> {
  const [http = 0, lan = 0, wan = 0, server = 0] = await freePorts(4)
  const config = {
    server: true,
    bootstrap_expect: 1,
    bind_addr: '127.0.0.1',
    client_addr: '127.0.0.1',
    disable_update_check: true,
    log_level: 'err',
    // Queries whose client has left count until their wait is over.
    limits: { http_max_conns_per_client: 3 * watchers },
    ports: { http, dns: -1, grpc: -1, serf_lan: lan, serf_wan: wan, server },
  }
  const binary = consulBinary()
  if (binary === null) throw new Error('there is no consul program: run `sh scripts/install-consul.sh`')
  return ready({
    name: 'Consul',
    port: http,
    pid: start(binary, ['agent', '-data-dir', join(folder, 'consul'), '-hcl', JSON.stringify(config)]),
  })
}

function start(program: string, args: readonly string[]): number {
  const child = spawn(program, args, { stdio: 'ignore' })
  children.push(child)
  return child.pid ?? 0
}

async function ready(server: Server): Promise<Server> {
  const url = `http://127.0.0.1:${server.port}/v1/health/service/consul?passing`
  await until('it leads', async () => (await (await fetch(url)).text()).length > 10, 30_000)
  return server
}

async function measure(server: Server): Promise<Measured> {
  const url = `http://127.0.0.1:${server.port}`
  for (let n = 0; n < watchers; n += 50)
    await Promise.all(Array.from({ length: 50 }, (_, at) => put(url, `/v1/kv/own/${n + at}`, 'before')))
  await put(url, '/v1/kv/shared', 'before')
  const before = residentKib(server)
  const each = await openWatchers(server, (n) => `own/${n}`)
  await pause(1000)
  const held = residentKib(server)
  const cpuBefore = cpuSeconds(server)
  await pause(Number(values.idle) * 1000)
  const idleCpuPercent = ((cpuSeconds(server) - cpuBefore) / Number(values.idle)) * 100

  const latencies: number[] = []
  for (let n = 0; n < Number(values.changes); n++) {
    const sentAt = performance.now()
    await Promise.all([put(url, `/v1/kv/own/${n}`, 'after'), each[n]?.answered.then((at) => latencies.push(at - sentAt))])
  }
  for (const { socket } of each) socket.destroy()
  await pause(1000)

  const shared = await openWatchers(server, () => 'shared')
  await pause(1000)
  const cpuAtWrite = cpuSeconds(server)
  const sentAt = performance.now()
  const [, ...arrivals] = await Promise.all([put(url, '/v1/kv/shared', 'after'), ...shared.map(({ answered }) => answered)])
  const sorted = arrivals.map((at) => at - sentAt).toSorted((a, b) => a - b)
  await pause(200)
  const allCpuMs = (cpuSeconds(server) - cpuAtWrite) * 1000
  for (const { socket } of shared) socket.destroy()
  return {
    name: server.name,
    kibPerWatcher: rounded((held - before) / watchers),
    residentMib: rounded(held / 1024),
    idleCpuPercent: rounded(idleCpuPercent),
    oneP50Ms: rounded(quantile(latencies, 0.5)),
    oneP99Ms: rounded(quantile(latencies, 0.99)),
    allFirstMs: rounded(sorted[0] ?? 0),
    allMiddleMs: rounded(quantile(sorted, 0.5)),
    allLastMs: rounded(sorted.at(-1) ?? 0),
    allCpuMs: rounded(allCpuMs),
  }
}

interface Watcher {
  readonly socket: Socket
  /** When its answer came, by this process's clock, ms. */
  readonly answered: Promise<number>
}

/** Holds one blocking query on each of many connections; resolves when the server has them all. */
async function openWatchers(server: Server, keyOf: (n: number) => string): Promise<readonly Watcher[]> {
  const opened: Watcher[] = []
  for (let n = 0; n < watchers; n++) {
    const key = keyOf(n)
    const socket = connect({ port: server.port, host: '127.0.0.1', noDelay: true })
    socket.on('error', (error) => console.error(`${server.name}: connection ${n}: ${error.message}`))
    await once(socket, 'connect')
    socket.write(`GET /v1/kv/${key} HTTP/1.1\r\nHost: bench\r\n\r\n`)
    const [answer] = (await once(socket, 'data')) as [Buffer]
    const index = /x-consul-index: (\d+)/i.exec(answer.toString())?.[1] ?? ''
    const answered = once(socket, 'data').then(() => performance.now())
    answered.catch(() => {})
    socket.write(`GET /v1/kv/${key}?index=${index}&wait=5m HTTP/1.1\r\nHost: bench\r\n\r\n`)
    opened.push({ socket, answered })
  }
  return opened
}

function residentKib({ pid }: Server): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)
}

/** User and system time of all threads of a process, in ticks of 10 ms. */
function cpuSeconds({ pid }: Server): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / 100
}

function quantile(sample: readonly number[], at: number): number {
  return sample.toSorted((a, b) => a - b)[Math.min(sample.length - 1, Math.floor(sample.length * at))] ?? 0
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100
}
