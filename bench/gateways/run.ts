/**
 * meshgate beside other gateways: `npm run bench [-- --scenario small-get,post --peers nginx,caddy --seconds 2 --rounds 5 --json]`. Each gateway runs
 * on a core of its own, load and services share the other one. Runs alternate, medians are told. Linux only: figures come from /proc.
 */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startContestant, type Contestant, type Running } from './contestant.ts'
import { figuresOf, textOf, writeResult, type Row, type ScenarioResult } from './report.ts'
import type { Measurement, Scenario } from './scenario.ts'
import { scenarios } from './scenarios.ts'
import { startServices, type Services } from './services.ts'

const { values } = parseArgs({
  options: {
    scenario: { type: 'string', default: Object.keys(scenarios).join(',') },
    peers: { type: 'string', default: '' },
    seconds: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: true },
  },
  allowNegative: true,
})
for (const option of ['seconds', 'rounds'] as const) {
  // wrk takes whole seconds only.
  if (!/^[1-9]\d*$/.test(values[option])) throw new Error(`--${option} ${values[option]} is not a whole number above 0`)
}
const asked = { seconds: Number(values.seconds), rounds: Number(values.rounds) }
const onlyPeers = values.peers === '' ? null : new Set(['meshgate', ...values.peers.split(',')])

const folder = mkdtempSync(join(tmpdir(), 'meshgate-bench-'))
// nginx reads files as another user when root starts it.
chmodSync(folder, 0o755)
try {
  const services = await startServices(folder)
  for (const name of values.scenario.split(',')) {
    const scenario = scenarios[name]
    if (!scenario) throw new Error(`there is no scenario "${name}": take some of ${Object.keys(scenarios).join(', ')}`)
    progress(`${name}: ${scenario.title}\n`)
    const result = await run(name, scenario, services)
    if (values.write) writeResult(result)
    console.log(values.json ? JSON.stringify(result) : textOf(result))
  }
  await services.stop()
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exit(0)

async function run(name: string, scenario: Scenario, services: Services): Promise<ScenarioResult> {
  const started = performance.now()
  const parent = mkdtempSync(join(folder, `${name}-`))
  chmodSync(parent, 0o755)
  const behind = services[scenario.services ?? 'http']
  const rows: Row[] = scenario.contestants
    .filter(({ peer }) => onlyPeers === null || onlyPeers.has(peer))
    .map(({ label }) => ({ label, version: '', skipped: null, runs: [] }))
  const running: Running[] = []
  const measure = async (each: Running, round: number): Promise<void> => {
    const row = rows.find(({ label }) => label === each.label)
    if (!row || row.skipped !== null) return
    try {
      const measurement = await scenario.measure(each, asked.seconds)
      // Compilers want to have seen the work: a run before the first one does not count.
      if (round < 0) return
      row.runs.push(measurement)
      progress(`  ${round + 1} ${each.label}: ${measurement.figure}${detailsOf(measurement)}\n`)
    } catch (error) {
      row.skipped = `failed: ${String(error)}`
      row.runs.length = 0
      progress(`  ${each.label} ${row.skipped}\n`)
    }
  }
  try {
    for (const contestant of scenario.contestants) {
      const row = rows.find(({ label }) => label === contestant.label)
      if (row) await start(contestant, { row, behind, parent, running })
    }
    if (scenario.prepare) await scenario.prepare(running, asked.seconds)
    if (scenario.rounds !== 1) for (const each of running) await measure(each, -1)
    const rounds = scenario.rounds ?? asked.rounds
    for (let round = 0; round < rounds; round++) {
      for (const each of round % 2 === 0 ? running : running.toReversed()) await measure(each, round)
    }
  } finally {
    await Promise.all(running.map((each) => each.stop()))
  }
  return figuresOf({ name, scenario, rows, ...asked, tookSeconds: Math.round((performance.now() - started) / 1000) })
}

interface Start {
  readonly row: Row
  readonly behind: readonly number[]
  readonly parent: string
  readonly running: Running[]
}

async function start(contestant: Contestant, { row, behind, parent, running }: Start): Promise<void> {
  try {
    const started = await startContestant(contestant, behind, parent)
    await started.untilServing()
    running.push(started)
    row.version = started.version
  } catch (error) {
    row.skipped = error instanceof Error ? (error.message.trim().split('\n').at(-1) ?? '') : String(error)
    progress(`  without ${contestant.label}: ${row.skipped}\n`)
  }
}

function detailsOf({ details }: Measurement): string {
  const told = Object.entries(details ?? {}).map(([name, value]) => `${name} ${value}`)
  return told.length === 0 ? '' : ` (${told.join(', ')})`
}

function progress(text: string): void {
  process.stderr.write(text)
}
