import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { builtIn } from '../../src/config/built-in.ts'
import { parseFile } from '../../src/config/file.ts'
import { createLogger } from '../../src/logging.ts'
import { Workers } from '../../src/workers/workers.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { until } from '../support/until.ts'

const text = 'listeners: { web: { bind: "127.0.0.1:0" } }\nworkers: 2\n'

const controlPlane = {
  state: () => ({ generation: 1, routes: [], upstreams: [], onDemand: [], mesh: builtIn.mesh }),
  lookUp: async () => ({ failure: { code: 'service_unknown' as const, detail: 'nobody' } }),
  onCalled: () => {},
  onTrouble: () => {},
  onEjected: () => {},
}

/** Between two questions for figures, ms. */
const REPORT_EVERY_MS = 5_000

interface Fleet {
  readonly workers: Workers
  readonly clock: ManualClock
  /** Of the log, so far. */
  readonly events: () => readonly string[]
}

/** One question after the other; who can answer does before the next one. */
async function ask(questions: number, { clock, workers }: Fleet, stopped: readonly number[]): Promise<void> {
  for (let question = 0; question < questions; question++) {
    await clock.advance(REPORT_EVERY_MS)
    const others = () => workers.view().filter(({ pid }) => !stopped.includes(pid))
    await until('the others have answered', () => others().every(({ unanswered }) => unanswered === 0))
  }
}

function wake(pid: number): void {
  try {
    process.kill(pid, 'SIGCONT')
  } catch {
    // It has been killed, and its end has not been told yet.
  }
}

describe('a worker that hangs', () => {
  const cleanups: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0)) await cleanup()
  })

  function twoWorkers(): Fleet {
    const clock = new ManualClock()
    const lines: string[] = []
    const logger = createLogger('debug', { write: (line) => void lines.push(line) })
    const { cold } = parseFile(text, 'gateway.yaml', { env: {} })
    const workers = new Workers({ count: 2, cold, relay: () => {}, clock, random: () => 0.5, logger })
    cleanups.push(async () => {
      for (const { pid } of workers.view()) wake(pid)
      await workers.close(0)
    })
    return { workers, clock, events: () => lines.map((line) => (JSON.parse(line) as { event: string }).event) }
  }

  it('is killed when it has left six questions unanswered, and another one serves in its place', async () => {
    const fleet = twoWorkers()
    const { workers, events } = fleet
    await workers.start(controlPlane)
    const [hanging = 0, other = 0] = workers.view().map(({ pid }) => pid)
    process.kill(hanging, 'SIGSTOP')
    await ask(6, fleet, [hanging])
    assert.ok(!events().includes('worker.hangs'), 'six questions are patience')
    await ask(1, fleet, [hanging])
    assert.deepEqual(
      events().filter((event) => event === 'worker.hangs'),
      ['worker.hangs'],
    )
    const serving = await until('two serve again', async () => {
      // The next one starts at once, which is a timer of no length.
      await fleet.clock.advance(0)
      const pids = workers.view().flatMap(({ pid, state }) => (state === 'serving' ? [pid] : []))
      // The end of the one that was killed may not have been told yet.
      return pids.length === 2 && !pids.includes(hanging) ? pids : null
    })
    assert.ok(serving.includes(other), 'who answers stays')
  })

  it('before it serves, keeps nobody waiting for ever: the start fails and says so', async () => {
    const fleet = twoWorkers()
    const started = fleet.workers.start(controlPlane)
    started.catch(() => {})
    await until('they are there', () => fleet.workers.view().length === 2)
    const pids = fleet.workers.view().map(({ pid }) => pid)
    for (const pid of pids) process.kill(pid, 'SIGSTOP')
    await ask(7, fleet, pids)
    await assert.rejects(started, { code: 'worker_failed', message: /ended before it served: SIGKILL/ })
  })
})
