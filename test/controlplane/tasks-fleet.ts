import { pause, type Clock } from '../../src/clock.ts'
import { builtIn } from '../../src/config/built-in.ts'
import { readRecord, type RunRecord } from '../../src/controlplane/tasks/run-record.ts'
import { scheduleOf } from '../../src/controlplane/tasks/schedule.ts'
import { startTasks, type TaskScheduler } from '../../src/controlplane/tasks/scheduler.ts'
import type { TaskRequest } from '../../src/controlplane/tasks/task-kind.ts'
import { silentLogger } from '../../src/logging.ts'
import { startElection, type Election } from '../../src/registry/election.ts'
import type { Registry } from '../../src/registry/registry.ts'
import { FleetRegistry } from '../support/fleet-registry.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { callTaskConfig } from './tasks-harness.ts'

const RUNS = 'gateway/runs/'
const MOST_SKEW_MS = 5_000
const task = callTaskConfig({
  cron: '* * * * * *',
  timezone: 'Europe/Berlin',
  overlap: 'queue',
  catchUp: 'each',
  startWithinMs: 600_000,
  retry: { attempts: 5, backoffMs: 50, maxBackoffMs: 200 },
})

interface Replica {
  readonly election: Election
  readonly scheduler: TaskScheduler
  readonly cut: (isCut: boolean) => void
  /** What it sends stays here while it is frozen. */
  isFrozen: boolean
  inFlight: number
}

export interface FleetOptions {
  readonly seed: number
  /** Wall ms. */
  readonly since: number
  readonly seconds: number
}

/** Five gateways with real elections and schedulers on one clock that a test moves, and what is done to them. */
class TaskFleet {
  readonly clock: ManualClock
  readonly random: () => number
  readonly registry: FleetRegistry
  readonly replicas: Replica[] = []
  /** The last state of each record, and how often one became successful, by planned time. */
  readonly records = new Map<string, RunRecord>()
  readonly successes = new Map<string, number>()
  /** How often the receiver did the work of a fire, by planned time. */
  readonly effects = new Map<string, number>()
  readonly told = { cut: 0, killed: 0, expired: 0, away: 0, refused: 0, continued: 0, madeUp: 0 }
  #token = 0n
  #names = 0

  constructor({ seed, since }: FleetOptions) {
    this.clock = new ManualClock(since)
    this.random = seededRandom(seed)
    this.registry = new FleetRegistry(this.clock)
  }

  get leader(): Replica | undefined {
    return this.replicas.find(({ election }) => election.current !== null)
  }

  add(): void {
    const skewMs = Math.round((this.random() * 2 - 1) * MOST_SKEW_MS)
    const clock: Clock = {
      now: () => this.clock.now() + skewMs,
      monotonic: () => this.clock.monotonic(),
      thisTurn: () => this.clock.thisTurn(),
      after: (delayMs, run) => this.clock.after(delayMs, run),
    }
    const { registry: opened, cut } = this.registry.open()
    const registry = this.#observed(opened)
    const common = { registry, prefix: 'gateway', name: `g${++this.#names}`, clock, random: this.random, logger: silentLogger }
    const election = startElection({ ...common, key: 'gateway/leader' })
    const surroundings = { machine: builtIn.machine, configFile: '' }
    const call = (request: TaskRequest): Promise<{ status: number }> => this.#send(request, replica)
    const scheduler = startTasks({ ...common, ...surroundings, election, call })
    const replica: Replica = { election, scheduler, cut, isFrozen: false, inFlight: 0 }
    scheduler.setTasks([task])
    this.replicas.push(replica)
  }

  /** Does one of four things to the leader while it runs something. */
  async disturb(at: number): Promise<void> {
    for (let tries = 0; tries < 200 && !this.leader?.inFlight; tries++) await this.clock.advance(20)
    const leader = this.leader
    if (!leader?.inFlight) return
    const what = (['cut', 'killed', 'expired', 'away'] as const)[at % 4] ?? 'cut'
    this.told[what]++
    if (what === 'away') return this.#away(1_000 + this.random() * 14_000)
    leader.isFrozen = true
    if (what === 'expired') this.registry.expire('gateway/leader')
    else leader.cut(true)
    if (what === 'killed') {
      this.replicas.splice(this.replicas.indexOf(leader), 1)
      this.add()
    }
    // The process that was stopped goes on: what it was about to send leaves now.
    this.clock.after(30_000, () => void (leader.isFrozen = false))
    if (what === 'cut') this.clock.after(35_000, () => leader.cut(false))
  }

  #away(forMs: number): void {
    this.registry.isAway = true
    this.clock.after(forMs, () => void (this.registry.isAway = false))
  }

  /** The receiver keeps the greatest token and what it has done. One answer in twenty is a failure before the work. */
  async #send({ headers, signal }: TaskRequest, replica: Replica): Promise<{ status: number }> {
    const token = BigInt(headers['X-Fencing-Token'] ?? '0')
    const fireTime = fireTimeOf(headers['Idempotency-Key'] ?? '')
    replica.inFlight++
    try {
      await pause(this.clock, 5 + this.random() * 150)
      while (replica.isFrozen) await pause(this.clock, 500)
      const status = this.#take(token, fireTime)
      await pause(this.clock, 5 + this.random() * 150, signal)
      signal.throwIfAborted()
      return { status }
    } finally {
      replica.inFlight--
    }
  }

  #take(token: bigint, fireTime: string): number {
    if (token < this.#token) {
      this.told.refused++
      return 409
    }
    this.#token = token
    if (this.effects.has(fireTime)) return 200
    if (this.random() < 0.05) return 500
    this.effects.set(fireTime, (this.effects.get(fireTime) ?? 0) + 1)
    return 200
  }

  /** Keeps what is written to records: they are deleted after ten minutes. */
  #observed(registry: Registry): Registry {
    const put: Registry['kv']['put'] = async (key, value, options) => {
      const isWritten = await registry.kv.put(key, value, options)
      const record = key.startsWith(RUNS) ? readRecord(key.slice(RUNS.length), String(value)) : null
      if (isWritten && record) this.#keep(record)
      return isWritten
    }
    return { ...registry, kv: { ...registry.kv, put } }
  }

  #keep(record: RunRecord): void {
    const { fireTime, ok, cause, attempts } = record
    if (!this.records.has(fireTime) && cause === 'catchUp') this.told.madeUp++
    this.records.set(fireTime, record)
    if (!ok) return
    this.successes.set(fireTime, (this.successes.get(fireTime) ?? 0) + 1)
    if (new Set(attempts.map(({ by }) => by)).size > 1) this.told.continued++
  }
}

/** Runs such a fleet for some time, disturbs it every 20 s, and gives what became of each fire that was planned. */
export async function runFleet(options: FleetOptions) {
  const fleet = new TaskFleet(options)
  for (let count = 0; count < 5; count++) fleet.add()
  await fleet.clock.advance(20_000)
  const from = fleet.clock.now()
  for (let at = 0; fleet.clock.now() < from + options.seconds * 1_000; at++) {
    await fleet.disturb(at)
    await fleet.clock.advance(20_000)
  }
  const until = fleet.clock.now()
  await fleet.clock.advance(90_000)
  const closing = Promise.all(fleet.replicas.map(({ scheduler, election }) => scheduler.close().then(() => election.close())))
  await fleet.clock.advance(15_000)
  await closing
  const { records, successes, effects, told } = fleet
  const inTime = <T>(all: ReadonlyMap<string, T>): ReadonlyMap<string, T> =>
    new Map([...all].filter(([fireTime]) => Date.parse(fireTime) > from && Date.parse(fireTime) <= until))
  return { planned: plannedBetween(from, until), records: inTime(records), successes, effects: inTime(effects), told }
}

function plannedBetween(from: number, until: number): readonly string[] {
  const { next } = scheduleOf(task.cron, task.timezone)
  const planned: string[] = []
  for (let at = next(new Date(from)); at.getTime() <= until; at = next(at)) planned.push(at.toISOString())
  return planned
}

/** `nightly/20260101T000000Z` */
function fireTimeOf(key: string): string {
  return readRecord(key, '')?.fireTime ?? ''
}
