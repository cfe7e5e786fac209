// Prints what each balancer makes of modelled fleets, as bench/results/balancers.md has it: `node bench/balancers.ts`. No real time passes.
import { balancerTable } from '../src/dataplane/balancer/table.ts'
import {
  fleetOfHundred,
  oneSlowBusy,
  oneSlowQuiet,
  outlier,
  steady,
  supermarket,
  supermarketMs,
  times,
} from '../test/support/scenarios.ts'
import { simulate, type Outcome, type Scenario } from '../test/support/simulation.ts'

const seeds = [1, 2, 3]

const scenarios: Readonly<Record<string, Scenario>> = {
  'ten equal instances at 70 % of what they can': {
    instances: times(10, () => steady(50)),
    requestsPerSecond: 560,
    seconds: 90,
    settleSeconds: 10,
  },
  'one of ten five times slower, 100 requests/s': oneSlowQuiet,
  'one of ten five times slower, 500 requests/s': oneSlowBusy,
  '100 instances: 10 slow, 5 failing half, 5 flapping, 10 joining cold': fleetOfHundred,
  'the same with outlier detection and a slow start of 15 s': { ...fleetOfHundred, policy: { outlier, slowStartMs: 15_000 } },
}

for (const [name, scenario] of Object.entries(scenarios)) {
  console.log(`\n### ${name}\n`)
  console.log('| balancer | p50 ms | p99 ms | errors | attempts per request | ejections | deviation per second |')
  console.log('| --- | ---: | ---: | ---: | ---: | ---: | ---: |')
  for (const kind of Object.keys(balancerTable))
    console.log(
      row(
        kind,
        seeds.map((seed) => simulate(kind, { ...scenario, seed })),
      ),
    )
}

console.log('\n### 100 instances that work on one request at a time, 50 ms each: the mean time of a request, ms\n')
const loads = [0.5, 0.7, 0.9, 0.95]
const line = (name: string, msOf: (load: number) => number): void =>
  console.log(`| ${name} | ${loads.map((load) => msOf(load).toFixed(0)).join(' | ')} |`)
console.log(`| load | ${loads.join(' | ')} |\n| --- |${' ---: |'.repeat(loads.length)}`)
line('one choice, the analysis', (load) => supermarketMs(load, 1))
line('two choices, the analysis', (load) => supermarketMs(load, 2))
for (const kind of Object.keys(balancerTable)) {
  line(kind, (load) =>
    meanOf(
      seeds.map((seed) => simulate(kind, { ...supermarket(load), seed })),
      ({ meanMs }) => meanMs,
    ),
  )
}

function meanOf(outcomes: readonly Outcome[], of: (outcome: Outcome) => number): number {
  return outcomes.reduce((sum, one) => sum + of(one), 0) / outcomes.length
}

/** The mean over the seeds. */
function row(kind: string, outcomes: readonly Outcome[]): string {
  const mean = (of: (outcome: Outcome) => number): number => meanOf(outcomes, of)
  const cells = [
    mean(({ p50Ms }) => p50Ms).toFixed(0),
    mean(({ p99Ms }) => p99Ms).toFixed(0),
    `${(mean(({ errorRatio }) => errorRatio) * 100).toFixed(3)} %`,
    mean(({ load }) => load).toFixed(3),
    mean(({ ejections }) => ejections).toFixed(0),
    `${(mean(deviation) * 100).toFixed(0)} %`,
  ]
  return `| ${kind} | ${cells.join(' | ')} |`
}

/** How much the attempts at the first instance differ from second to second: what oscillates has more than the arrivals bring along. */
function deviation({ perSecond: [counts = []] }: Outcome): number {
  const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length
  return Math.sqrt(counts.reduce((sum, count) => sum + (count - mean) ** 2, 0) / counts.length) / mean
}
