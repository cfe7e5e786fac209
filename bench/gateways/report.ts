import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Bar, Measurement, Scenario } from './scenario.ts'

/** A contestant with its runs, while they are made. */
export interface Row {
  readonly label: string
  version: string
  /** Why it was not measured, or null. */
  skipped: string | null
  readonly runs: Measurement[]
}

export interface ScenarioRun {
  readonly name: string
  readonly scenario: Scenario
  readonly rows: readonly Row[]
  readonly seconds: number
  readonly rounds: number
  readonly tookSeconds: number
}

export interface ScenarioResult {
  readonly name: string
  readonly title: string
  readonly unit: string
  readonly date: string
  readonly commit: string
  readonly machine: string
  readonly method: string
  readonly base: string
  readonly rows: readonly {
    readonly label: string
    readonly version: string
    readonly median: number | null
    readonly ratio: number | null
    readonly skipped: string | null
    readonly runs: readonly number[]
    readonly details: readonly (Readonly<Record<string, number>> | undefined)[]
  }[]
  readonly bars: readonly { readonly text: string; readonly found: number | null; readonly isMet: boolean | null }[]
}

const resultsFolder = fileURLToPath(new URL('../results/gateways', import.meta.url))

/** Medians, ratios and bars of a scenario's runs. */
export function figuresOf({ name, scenario, rows, seconds, rounds, tookSeconds }: ScenarioRun): ScenarioResult {
  const medians = new Map(rows.filter(({ runs }) => runs.length > 0).map(({ label, runs }) => [label, median(runs)]))
  const ratio = (of: string, to: string): number | null => {
    const [one, other] = [medians.get(of), medians.get(to)]
    return one === undefined || !other ? null : Number((one / other).toFixed(2))
  }
  const base = medians.has(scenario.base) ? scenario.base : ([...medians.keys()][0] ?? '')
  return {
    name,
    title: scenario.title,
    unit: scenario.unit,
    date: new Date().toISOString().slice(0, 16),
    commit: commitOf(),
    machine: `${availableParallelism()} × ${cpus()[0]?.model.trim()}, Node ${process.version}, load ${loadavg()[1]?.toFixed(1)}`,
    method: `${scenario.rounds ?? rounds} alternating runs of ${seconds} s, medians; ${tookSeconds} s in all`,
    base,
    rows: rows.map(({ label, version, skipped, runs }) => ({
      label,
      version,
      median: medians.get(label) ?? null,
      ratio: ratio(label, base),
      skipped,
      runs: runs.map(({ figure }) => figure),
      details: runs.map(({ details }) => details),
    })),
    bars: scenario.bars.map((bar) => judged(bar, bar.to === undefined ? (medians.get(bar.of) ?? null) : ratio(bar.of, bar.to))),
  }
}

function judged({ of, to, atLeast, atMost }: Bar, found: number | null): ScenarioResult['bars'][number] {
  const bound = atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`
  const isMet = found === null ? null : found >= (atLeast ?? -Infinity) && found <= (atMost ?? Infinity)
  return { text: `${of}${to === undefined ? '' : ` to ${to}`}: ${bound}`, found, isMet }
}

/** For people. */
export function textOf({ title, unit, rows, bars, base }: ScenarioResult): string {
  const lines = rows.map(({ label, median, ratio, skipped, runs }) =>
    median === null
      ? `${label.padEnd(26)} ${' '.repeat(9)} not measured: ${skipped}`
      : `${label.padEnd(26)} ${String(median).padStart(9)} × ${ratio?.toFixed(2)}  (runs ${runs.join(' ')})`,
  )
  const verdicts = bars.map(
    ({ text, found, isMet }) => `${isMet === null ? 'open  ' : isMet ? 'met   ' : 'MISSED'} ${text}, is ${found}`,
  )
  return [`${title}: ${unit}, ratio to ${base}`, ...lines, ...verdicts, ''].join('\n')
}

/** Keeps a result, and writes the page of all that are kept again. */
export function writeResult(result: ScenarioResult): void {
  mkdirSync(resultsFolder, { recursive: true })
  writeFileSync(join(resultsFolder, `${result.name}.json`), `${JSON.stringify(result, null, 2)}\n`)
  const kept = readdirSync(resultsFolder)
    .filter((file) => file.endsWith('.json'))
    .map((file) => JSON.parse(readFileSync(join(resultsFolder, file), 'utf8')) as ScenarioResult)
  writeFileSync(`${resultsFolder}.md`, `${pageHead}${kept.map(sectionOf).join('\n')}`)
}

const pageHead = `# meshgate beside other gateways

Written by \`npm run bench\`, each scenario when it was measured last; the runs are in \`gateways/\`, the method in [the README](../README.md). Machines that other
work shares are noisy: look at the ratios.
`

function sectionOf({ title, unit, date, commit, machine, method, base, rows, bars }: ScenarioResult): string {
  const lines = rows.map(({ label, version, median, ratio, skipped }) =>
    median === null
      ? `| ${label} | not measured: ${skipped} | |`
      : `| ${label} (${version}) | ${median.toLocaleString('en')} | ${ratio?.toFixed(2)} |`,
  )
  const verdicts = bars.map(
    ({ text, found, isMet }) => `- ${text}: ${found ?? 'not measured'}${isMet === false ? ', **missed**' : ''}`,
  )
  return `
## ${title}

${date}, commit ${commit}, ${machine}. ${method}.

| | ${unit} | ratio to ${base} |
| --- | --- | --- |
${lines.join('\n')}
${verdicts.length === 0 ? '' : `\n${verdicts.join('\n')}\n`}`
}

function median(runs: readonly Measurement[]): number {
  return runs.map(({ figure }) => figure).toSorted((a, b) => a - b)[Math.floor(runs.length / 2)] ?? 0
}

function commitOf(): string {
  try {
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', 'src') === '' ? '' : ' with changes')
  } catch {
    return 'unknown'
  }
}

function git(...args: readonly string[]): string {
  return execFileSync('git', args, { encoding: 'utf8' }).trim()
}
