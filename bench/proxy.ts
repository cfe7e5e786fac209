/**
 * Requests per CPU second of the gateway's whole process (registry thread, probes and all), beside a bare http-proxy with a keep-alive agent:
 * `npm run bench [-- --seconds 4 --rounds 5]`. Runs alternate, medians are told. Linux only: CPU time is read from /proc.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { freePorts } from '../test/support/meshgate-process.ts'
import { startLoad } from '../test/support/load.ts'
import { until } from '../test/support/until.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '5' },
    concurrency: { type: 'string', default: '32' },
    json: { type: 'boolean', default: false },
  },
})
const [seconds, rounds, concurrency] = [Number(values.seconds), Number(values.rounds), Number(values.concurrency)]
const children: ChildProcess[] = []
const folder = mkdtempSync(join(tmpdir(), 'meshgate-bench-'))

/** What a careful route has; none of them answers by itself here. */
const tenFilters = `
      - requestId: {}
      - errorPages: { pages: { 5xx: { body: sorry } } }
      - compress: {}
      - securityHeaders: { hsts: {} }
      - ipAllow: { addresses: [127.0.0.0/8] }
      - ipDeny: { addresses: [10.0.0.0/8] }
      - rateLimit: { rate: 1000000/s }
      - cors: { origins: [https://app.example.com] }
      - bodyLimit: { max: 1MiB }
      - setHeaders: { request: { x-tenant: acme } }
    `

interface Contestant {
  readonly name: string
  readonly url: string
  readonly pid: number
  readonly perCpuSecond: number[]
  readonly perSecond: number[]
}

try {
  const contestants = await startAll()
  // The first run warms the compilers up and does not count.
  for (const contestant of contestants) await measure(contestant, 2)
  for (let round = 0; round < rounds; round++) {
    for (const contestant of round % 2 === 0 ? contestants : contestants.toReversed()) {
      const { perSecond, perCpuSecond } = await measure(contestant, seconds)
      contestant.perSecond.push(perSecond)
      contestant.perCpuSecond.push(perCpuSecond)
    }
  }
  report(contestants)
} finally {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
}

async function startAll(): Promise<readonly Contestant[]> {
  const [instance = 0, bare = 0, registry = 0, ...web] = await freePorts(12)
  start('instance-server.ts', [String(instance)])
  const barePid = start('bare-http-proxy.ts', [String(bare), String(instance)])
  const gateways = [
    { name: 'meshgate', access: false, filters: false, web: web[0] ?? 0, admin: web[1] ?? 0, registry },
    {
      name: 'meshgate, with access log',
      access: true,
      filters: false,
      web: web[2] ?? 0,
      admin: web[3] ?? 0,
      registry: web[4] ?? 0,
    },
    { name: 'meshgate, ten filters', access: false, filters: true, web: web[5] ?? 0, admin: web[6] ?? 0, registry: web[7] ?? 0 },
  ].map((gateway) => ({ ...gateway, pid: startGateway(gateway, instance) }))
  const contestants = [{ name: 'http-proxy, bare', web: bare, pid: barePid }, ...gateways].map(
    ({ name, web: port, pid }): Contestant => {
      return { name, url: `http://127.0.0.1:${port}/`, pid, perCpuSecond: [], perSecond: [] }
    },
  )
  for (const { name, url } of contestants)
    await until(`${name} answers`, async () => (await fetch(url, { signal: AbortSignal.timeout(1_000) })).ok)
  return contestants
}

interface GatewayStart {
  readonly name: string
  readonly access: boolean
  readonly filters: boolean
  readonly web: number
  readonly admin: number
  readonly registry: number
}

function startGateway({ name, access, filters, web, admin, registry }: GatewayStart, instance: number): number {
  const file = join(folder, `${admin}.yaml`)
  writeFileSync(
    file,
    `# ${name}
listeners: { web: { bind: "127.0.0.1:${web}" } }
admin: { bind: "127.0.0.1:${admin}" }
registry: { embedded: { http: "127.0.0.1:${registry}", dns: off, data: ${join(folder, `data-${admin}`)} } }
log: { level: info, access: ${access} }
upstreams: { bench: { instances: ["127.0.0.1:${instance}"] } }
routes:
  - name: all
    match: { path: /* }
    filters: ${filters ? tenFilters : '[]'}
    to: bench
`,
  )
  return start('../src/main.ts', ['run', '--config', file])
}

function start(script: string, args: readonly string[]): number {
  const file = fileURLToPath(new URL(script, import.meta.url))
  const child = spawn(process.execPath, [file, ...args], { stdio: ['ignore', 'ignore', 'inherit'] })
  children.push(child)
  return child.pid ?? 0
}

async function measure({ url, pid }: Contestant, forSeconds: number): Promise<{ perSecond: number; perCpuSecond: number }> {
  const [cpuBefore, since] = [cpuSeconds(pid), performance.now()]
  const load = startLoad(url, concurrency)
  await new Promise((resolve) => setTimeout(resolve, forSeconds * 1000))
  const { sent, failed, failures } = await load.stop()
  if (failed > 0) throw new Error(`${failed} of ${sent} requests failed: ${failures[0]}`)
  return { perSecond: (sent * 1000) / (performance.now() - since), perCpuSecond: sent / (cpuSeconds(pid) - cpuBefore) }
}

/** User and system time of all threads of a process, in ticks of 10 ms. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / 100
}

function report(contestants: readonly Contestant[]): void {
  const base = median(contestants[0]?.perCpuSecond ?? [])
  const rows = contestants.map(({ name, perCpuSecond, perSecond }) => ({
    name,
    perCpuSecond: Math.round(median(perCpuSecond)),
    ratio: Number((median(perCpuSecond) / base).toFixed(2)),
    perSecond: Math.round(median(perSecond)),
    runs: perCpuSecond.map(Math.round),
  }))
  const method = { seconds, rounds, concurrency, node: process.version, cpu: cpus()[0]?.model, cores: availableParallelism() }
  if (values.json) return console.log(JSON.stringify({ method, rows }, null, 2))
  console.log(
    `${rounds} alternating runs of ${seconds} s, ${concurrency} connections, 1 KiB answers, Node ${process.version}, ${method.cpu} × ${method.cores}`,
  )
  for (const { name, perCpuSecond, ratio, perSecond, runs } of rows) {
    console.log(
      `${name.padEnd(28)} ${String(perCpuSecond).padStart(7)} requests per CPU second  × ${ratio}  (${perSecond}/s; runs ${runs.join(' ')})`,
    )
  }
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0
}
