import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { seededRandom } from '../support/seeded-random.ts'
import { judge, type Observation } from './lock-observations.ts'
import { makeFolder } from './registry.ts'
import { spawnRegistry, type SpawnedRegistry } from './spawned.ts'
import { endsWithUs } from '../support/ends-with-us.ts'

const lastsMs = process.env['MESHGATE_SOAK'] === '1' ? 600_000 : 18_000
const contenders = 8
// The registry's clock runs ten times as fast: a TTL of 10 s lapses after 2 s, a lock-delay of 5 s ends after half a second.
const factor = 10
const lapseMs = 20_000 / factor
const lockDelayMs = 5_000 / factor
// Timers and clocks are read in different processes.
const toleranceMs = 5

const script = fileURLToPath(new URL('./contender.ts', import.meta.url))

interface Contender {
  readonly child: ChildProcess
  paused: boolean
}

function startContender(context: TestContext, args: readonly string[], observations: Observation[]): Contender {
  const child = endsWithUs(spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] }))
  context.after(() => child.kill('SIGKILL'))
  createInterface({ input: child.stdout }).on('line', (line) => observations.push(JSON.parse(line) as Observation))
  return { child, paused: false }
}

/** Stops a process past the TTL of its session and lets it go on as if nothing had been. */
function pauseContender(contender: Contender, random: () => number): void {
  if (contender.paused) return
  contender.paused = true
  contender.child.kill('SIGSTOP')
  setTimeout(
    () => {
      contender.child.kill('SIGCONT')
      contender.paused = false
    },
    lapseMs + lockDelayMs + random() * 500,
  ).unref()
}

async function destroySomeSession(registry: SpawnedRegistry, random: () => number): Promise<void> {
  const sessions = (await (await fetch(`${registry.url}/v1/session/list`)).json()) as { ID: string }[]
  const some = sessions[Math.floor(random() * sessions.length)]
  if (some) await fetch(`${registry.url}/v1/session/destroy/${some.ID}`, { method: 'PUT' })
}

test(`no lock has two holders within its lock-delay, and LockIndex only rises, in ${lastsMs / 1000} s of pauses, lost sessions and kills`, async (context) => {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 32))
  context.diagnostic(`seed ${seed}`)
  const random = seededRandom(seed)
  const registry = await spawnRegistry(context, makeFolder(context), { factor, since: Date.now() })
  const observations: Observation[] = []
  const all = Array.from({ length: contenders }, (_, n) =>
    startContender(context, [`contender-${n}`, registry.url, String(seed + n), String(factor)], observations),
  )
  const endsAt = performance.now() + lastsMs
  let [pauses, kills] = [0, 0]
  while (performance.now() < endsAt) {
    await new Promise((resolve) => setTimeout(resolve, 100 + random() * 400))
    const action = random()
    const some = all[Math.floor(random() * contenders)]
    if (action < 0.3 && some && all.filter(({ paused }) => paused).length < contenders / 2) {
      pauseContender(some, random)
      pauses++
    } else if (action < 0.6) {
      await destroySomeSession(registry, random)
    } else if (action < 0.7 || (kills === 0 && endsAt - performance.now() < lastsMs / 2)) {
      await registry.kill()
      await registry.start()
      kills++
    }
  }
  for (const { child } of all) assert.equal(child.exitCode, null, 'a contender ended by itself')
  const { terms, takenOver, violations } = judge(observations, lockDelayMs - toleranceMs)
  context.diagnostic(
    `${observations.length} looks, ${terms} terms, ${takenOver} without a release, ${pauses} pauses, ${kills} kills`,
  )
  assert.deepEqual(violations, [])
  assert.ok(terms > 20 && takenOver > 5 && kills > 0 && pauses > 0, 'the test has looked at something')
})

const held = (lockIndex: number, session: string, at: number, kind: Observation['kind'] = 'held'): Observation => ({
  contender: session,
  kind,
  lock: 'l',
  session,
  lockIndex,
  sentAt: at,
  answeredAt: at + 1,
})
const violations = (...observations: Observation[]): number => judge(observations, 500).violations.length

test('the judge sees what it is there for', () => {
  assert.equal(violations(held(1, 'a', 0), held(2, 'b', 600)), 0)
  assert.equal(violations(held(1, 'a', 0), held(2, 'b', 400)), 1)
  assert.equal(violations(held(1, 'a', 0), held(0, 'a', 5, 'releases'), held(2, 'b', 10)), 0)
  assert.equal(violations(held(1, 'a', 0), held(1, 'b', 600)), 1)
  assert.equal(violations(held(2, 'b', 0), held(1, 'a', 600)), 1)
})
