/**
 * DNS of the embedded registry beside the real Consul: answers per second and per CPU second to A and SRV questions for a service with ten
 * instances, `node bench/dns.ts [--seconds 3 --rounds 3]`. Runs alternate, medians are told. Linux only: CPU time is of /proc.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
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
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '3' },
    window: { type: 'string', default: '64' },
    json: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds)
const folder = mkdtempSync(join(tmpdir(), 'meshgate-bench-dns-'))
const children: ChildProcess[] = []

interface Server {
  readonly name: string
  readonly dns: number
  readonly pid: number
}

interface Measured {
  readonly perSecond: number
  readonly perCpuSecond: number
}

const questions = ['A', 'SRV', 'NXDOMAIN'] as const

try {
  const servers = [await startMeshgate(), await startConsul()]
  // The first run warms the compilers up and does not count.
  for (const server of servers) for (const question of questions) await measure(server, question, '1')
  const measured = new Map<string, Measured[]>()
  for (let round = 0; round < rounds; round++) await runRound(round % 2 === 0 ? servers : servers.toReversed(), measured)
  report(measured)
} finally {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
}

async function runRound(servers: readonly Server[], measured: Map<string, Measured[]>): Promise<void> {
  for (const question of questions) {
    for (const server of servers) {
      const key = `${question} ${server.name}`
      const runs = measured.get(key) ?? []
      runs.push(await measure(server, question, values.seconds))
      measured.set(key, runs)
    }
  }
}

async function startMeshgate(): Promise<Server> {
  const [http = 0, dns = 0] = await freePorts(2)
  const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))
  const data = join(folder, 'meshgate')
  const pid = start(process.execPath, [
    main,
    'registry',
    '--http',
    `127.0.0.1:${http}`,
    '--dns',
    `127.0.0.1:${dns}`,
    '--data',
    data,
  ])
  await fill(`http://127.0.0.1:${http}`)
  return { name: 'meshgate', dns, pid }
}

async function startConsul(): Promise<Server> {
  const [http = 0, dns = 0, lan = 0, wan = 0, server = 0] = await freePorts(5)
  const ports = { http, dns, grpc: -1, serf_lan: lan, serf_wan: wan, server }
  const config = {
    server: true,
    bootstrap_expect: 1,
    bind_addr: '127.0.0.1',
    client_addr: '127.0.0.1',
    disable_update_check: true,
    log_level: 'err',
    ports,
  }
  const binary = consulBinary()
  if (binary === null) throw new Error('there is no consul program: run `sh scripts/install-consul.sh`')
  const pid = start(binary, ['agent', '-data-dir', join(folder, 'consul'), '-hcl', JSON.stringify(config)])
  await fill(`http://127.0.0.1:${http}`)
  return { name: 'Consul', dns, pid }
}

function start(program: string, args: readonly string[]): number {
  const child = spawn(program, args, { stdio: 'ignore' })
  children.push(child)
  return child.pid ?? 0
}

async function fill(url: string): Promise<void> {
  await until('it leads', async () => (await (await fetch(`${url}/v1/health/service/consul?passing`)).text()).length > 10, 30_000)
  for (let at = 1; at <= 10; at++) {
    const service = { ID: `bench-${at}`, Name: 'bench', Address: `198.51.100.${at}`, Port: 8000 + at }
    await put(url, '/v1/agent/service/register', JSON.stringify(service))
  }
}

async function measure({ dns, pid }: Server, question: (typeof questions)[number], seconds: string): Promise<Measured> {
  const load = fileURLToPath(new URL('dns-load.ts', import.meta.url))
  const asked = question === 'NXDOMAIN' ? ['nobody.service.consul', 'A'] : ['bench.service.consul', question]
  const cpuBefore = cpuSeconds(pid)
  const output = execFileSync(process.execPath, [load, String(dns), seconds, values.window, ...asked], { encoding: 'utf8' })
  const { answered, perSecond, answersInLast } = JSON.parse(output) as Record<'answered' | 'perSecond' | 'answersInLast', number>
  const expected = question === 'NXDOMAIN' ? 0 : 10
  if (answersInLast !== expected) throw new Error(`${answersInLast} records in an answer, not ${expected}`)
  return { perSecond, perCpuSecond: answered / (cpuSeconds(pid) - cpuBefore) }
}

/** User and system time of all threads of a process, in ticks of 10 ms. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / 100
}

function report(measured: ReadonlyMap<string, readonly Measured[]>): void {
  const medianOf = (question: string, server: string, of: keyof Measured): number => {
    const sorted = (measured.get(`${question} ${server}`) ?? []).map((one) => one[of]).toSorted((a, b) => a - b)
    return sorted[Math.floor(sorted.length / 2)] ?? 0
  }
  const rows = questions.map((question) => {
    const [own, consul] = ['meshgate', 'Consul'].map((server) => ({
      perSecond: Math.round(medianOf(question, server, 'perSecond')),
      perCpuSecond: Math.round(medianOf(question, server, 'perCpuSecond')),
    })) as [Measured, Measured]
    const ratios = { perSecond: own.perSecond / consul.perSecond, perCpuSecond: own.perCpuSecond / consul.perCpuSecond }
    return { question, meshgate: own, consul, ratios }
  })
  const method = { ...values, node: process.version, cpu: cpus()[0]?.model, cores: cpus().length }
  if (values.json) return console.log(JSON.stringify({ method, rows }, null, 2))
  console.table(
    rows.map(({ question, meshgate, consul, ratios }) => ({
      question,
      'meshgate /s': meshgate.perSecond,
      'Consul /s': consul.perSecond,
      ratio: ratios.perSecond.toFixed(2),
      'meshgate /CPU s': meshgate.perCpuSecond,
      'Consul /CPU s': consul.perCpuSecond,
      'ratio per CPU': ratios.perCpuSecond.toFixed(2),
    })),
  )
}
