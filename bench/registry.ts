/**
 * The embedded registry beside a single server of the real Consul 1.8.7, both in processes of their own with their data on disk:
 * `npm run bench:registry [-- --seconds 1.5 --rounds 3 --only "PUT|lock"]`. Runs alternate, medians are told. Linux only: CPU time is of /proc.
 */
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { cpuAtEnd, fillCatalog, operations, type Operation } from './registry-operations.ts'
import { startConsul, startMeshgate, type RegistryProcess } from './registry-servers.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '1.5' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
    services: { type: 'string', default: '5000' },
  },
})
const [seconds, rounds, services] = [Number(values.seconds), Number(values.rounds), Number(values.services)]

interface Measured {
  readonly perSecond: number
  readonly perCpuSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

const servers = [await startMeshgate(), await startConsul()]
const chosen = operations.filter(({ name }) => new RegExp(values.only).test(name))
for (const server of servers) for (const { prepare } of operations) await prepare?.(server)
// The first runs warm the compilers up and do not count.
for (const server of servers) for (const operation of chosen) await measure(operation, server, 0.7)
console.log(`| operation | meshgate | Consul | ratio | per CPU s: meshgate | Consul | ratio | target |`)
console.log('| --- | --- | --- | --- | --- | --- | --- | --- |')
for (const operation of chosen) {
  const runs = new Map<string, Measured[]>(servers.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const server of round % 2 === 0 ? servers : servers.toReversed()) {
      runs.get(server.name)?.push(await measure(operation, server, seconds))
    }
  }
  report(operation, runs)
}
for (const server of servers) await server.stop()
if (new RegExp(values.only).test('memory')) await compareMemory()
console.log(`\nNode ${process.version}, ${cpus().length} cores (${cpus()[0]?.model}), --seconds ${seconds} --rounds ${rounds}`)

async function measure(operation: Operation, server: RegistryProcess, runSeconds: number): Promise<Measured> {
  const cpuBefore = server.cpuSeconds()
  cpuAtEnd.delete(server)
  const done = await operation.run(server, runSeconds)
  const cpu = Math.max((cpuAtEnd.get(server) ?? server.cpuSeconds()) - cpuBefore, 0.01)
  const latencies = (done.latenciesMs ?? []).toSorted((a, b) => a - b)
  const quantile = (at: number): number => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * at))] ?? 0
  return {
    perSecond: done.operations / done.seconds,
    perCpuSecond: done.operations / cpu,
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
  }
}

function report({ name, target }: Operation, runs: ReadonlyMap<string, readonly Measured[]>): void {
  const pair = (of: keyof Measured): [number, number] => [median(runs.get('meshgate'), of), median(runs.get('Consul'), of)]
  const [p50, p99] = [pair('p50Ms'), pair('p99Ms')]
  if (p50[1] > 0) {
    row([`${name}, p50`, ms(p50[0]), ms(p50[1]), ratio(p50), '', '', '', ''])
    return row([`${name}, p99`, ms(p99[0]), ms(p99[1]), ratio(p99), '', '', '', 'no worse: ≤ 1'])
  }
  const [wall, cpu] = [pair('perSecond'), pair('perCpuSecond')]
  row([
    name,
    count(wall[0]),
    count(wall[1]),
    ratio(wall),
    count(cpu[0]),
    count(cpu[1]),
    ratio(cpu),
    target === null ? '' : `≥ ${target}`,
  ])
}

/** Resident memory of new servers, empty and after many registrations. */
async function compareMemory(): Promise<void> {
  const empty: number[] = []
  const full: number[] = []
  for (const start of [startMeshgate, startConsul]) {
    const server = await start()
    empty.push(server.residentMib())
    await fillCatalog(server, services)
    await new Promise((resolve) => setTimeout(resolve, 3000))
    full.push(server.residentMib())
    await server.stop()
  }
  for (const [name, mib] of [
    ['empty', empty],
    [`with ${services} services`, full],
  ] as const) {
    const target = name === 'empty' ? '' : 'below: < 1'
    row([
      `resident memory, ${name}`,
      `${count(mib[0])} MiB`,
      `${count(mib[1])} MiB`,
      ratio([mib[0] ?? 0, mib[1] ?? 1]),
      '',
      '',
      '',
      target,
    ])
  }
}

function median(runs: readonly Measured[] | undefined, of: keyof Measured): number {
  const sorted = (runs ?? []).map((run) => run[of]).toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}

function row(cells: readonly string[]): void {
  console.log(`| ${cells.join(' | ')} |`)
}

function count(value = 0): string {
  return Math.round(value).toLocaleString('en-US')
}

function ms(value: number): string {
  return `${value.toFixed(2)} ms`
}

function ratio([own, consul]: readonly [number, number]): string {
  return (own / consul).toFixed(own / consul < 1 ? 2 : 1)
}
