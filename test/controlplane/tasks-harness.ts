import { afterEach } from 'node:test'
import { builtIn } from '../../src/config/built-in.ts'
import type { MachineConfig, TaskConfig } from '../../src/config/config.ts'
import type { Clock } from '../../src/clock.ts'
import { systemClock, systemRandom } from '../../src/clock.ts'
import type { Election, Leadership } from '../../src/registry/election.ts'
import type { LeaderView } from '../../src/registry/leader-record.ts'
import type { StartTicker } from '../../src/controlplane/tasks/ticker.ts'
import { startTasks, type TaskScheduler } from '../../src/controlplane/tasks/scheduler.ts'
import { fireTimeName, type RunRecord } from '../../src/controlplane/tasks/run-record.ts'
import { RunRecords } from '../../src/controlplane/tasks/run-records.ts'
import type { TaskContext, TaskRequest } from '../../src/controlplane/tasks/task-kind.ts'
import type { RunView } from '../../src/controlplane/tasks/task-view.ts'
import { silentLogger } from '../../src/logging.ts'
import type { Registry } from '../../src/registry/registry.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { until } from '../support/until.ts'
import { memoryRegistry } from './memory-registry.ts'

/** An election whose outcome a test decides. */
export interface HandElection extends Election {
  leader: LeaderView | null
  lead(term: bigint): void
  lose(): void
}

export function handElection(): HandElection {
  let current: Leadership | null = null
  let end = new AbortController()
  const lose = (): void => {
    current = null
    end.abort(new Error('the lock is gone'))
  }
  return {
    get current() {
      return current
    },
    leader: null,
    lead: (term) => {
      end = new AbortController()
      current = { term, lost: end.signal, heldUntil: Infinity }
    },
    lose,
    close: async () => lose(),
  }
}

/** One gateway's scheduler; its cron fires by hand and its calls are kept. */
export interface TestGateway {
  readonly scheduler: TaskScheduler
  readonly election: HandElection
  readonly calls: TaskRequest[]
  /** Crons that tick now. */
  readonly ticking: readonly string[]
  fire(fireTime: string): void
  /** The run of that fire that this gateway shows, once it has an outcome. */
  outcome(fireTime: string): Promise<RunView>
}

export interface GatewayOptions {
  readonly registry: Registry
  readonly prefix: string
  readonly name?: string
  readonly clock?: Clock
  readonly machine?: MachineConfig
  readonly call?: (request: TaskRequest) => Promise<{ status: number }>
}

/** Starts a scheduler that leads in term 7. The caller closes it. */
export function startGateway({
  registry,
  prefix,
  name = 'a',
  clock = systemClock,
  machine = builtIn.machine,
  call,
}: GatewayOptions): TestGateway {
  const election = handElection()
  election.lead(7n)
  const calls: TaskRequest[] = []
  const tickers = new Set<{ readonly cron: string; readonly onFire: (fireTime: Date) => void }>()
  const startTicker: StartTicker = (ticker) => {
    tickers.add(ticker)
    return { next: new Date(0), stop: () => void tickers.delete(ticker) }
  }
  const scheduler = startTasks({
    registry,
    election,
    prefix,
    name,
    clock,
    random: systemRandom,
    logger: silentLogger,
    machine,
    configFile: 'gateway.yaml',
    startTicker,
    call: (request) => {
      calls.push(request)
      return call ? call(request) : Promise.resolve({ status: 200 })
    },
  })
  const shown = (fireTime: string): RunView | undefined =>
    scheduler
      .view()
      .tasks.flatMap(({ runs }) => runs)
      .find((run) => run.fireTime === new Date(fireTime).toISOString() && run.ok !== null)
  return {
    scheduler,
    election,
    calls,
    get ticking() {
      return [...tickers].map(({ cron }) => cron)
    },
    fire: (fireTime) => tickers.forEach(({ onFire }) => onFire(new Date(fireTime))),
    outcome: (fireTime) => until(`the run of ${fireTime} has an outcome`, () => shown(fireTime)),
  }
}

/** Gateways of one describe on one registry, by a clock that a test moves; all is new for each test. */
export function gatewaysByHand() {
  const gateways: TestGateway[] = []
  let clock = new ManualClock()
  let registry = memoryRegistry()
  afterEach(async () => {
    const closing = Promise.all(gateways.splice(0).map(({ scheduler }) => scheduler.close()))
    await clock.advance(20_000)
    await closing
    clock = new ManualClock()
    registry = memoryRegistry()
  })
  const start = (name: string, options: Partial<GatewayOptions> = {}): TestGateway => {
    const gateway = startGateway({ registry, prefix: 'gateway', name, clock, ...options })
    gateways.push(gateway)
    return gateway
  }
  return {
    get clock() {
      return clock
    },
    get registry() {
      return registry
    },
    start,
    /** Starts one that leads in a term and calls every minute. */
    lead: (
      name: string,
      task: Partial<TaskConfig>,
      { term, ...options }: Partial<GatewayOptions> & { readonly term: bigint },
    ) => {
      const gateway = start(name, options)
      gateway.election.lead(term)
      gateway.scheduler.setTasks([callTaskConfig({ cron: '* * * * *', startWithinMs: 3_600_000, ...task })])
      return gateway
    },
    /** The runs of the task as recorded, the earliest planned first. */
    recorded: async (): Promise<readonly RunRecord[]> =>
      ((await new RunRecords(registry, 'gateway').list()).get('nightly') ?? []).toReversed(),
  }
}

/** What an attempt of the task "nightly" is given, in term 3. */
export function taskContext(registry: Registry, changes: Partial<TaskContext> = {}): TaskContext {
  const { clock = systemClock, fireTime = new Date('2026-01-01T00:00:00Z') } = changes
  return {
    task: 'nightly',
    signal: new AbortController().signal,
    term: 3n,
    fireTime,
    key: `nightly/${fireTimeName(fireTime)}`,
    call: () => Promise.resolve({ status: 200 }),
    registry,
    prefix: 'gateway',
    machine: builtIn.machine,
    configFile: 'gateway.yaml',
    clock,
    logger: silentLogger,
    ...changes,
  }
}

/** A task that calls a service; the options are what its kind's schema makes of the config. */
export function callTaskConfig(changes: Partial<TaskConfig> = {}): TaskConfig {
  return {
    ...builtIn.task,
    // Fires by hand are planned for any time.
    startWithinMs: Number.MAX_SAFE_INTEGER,
    name: 'nightly',
    cron: '0 3 * * *',
    kind: 'call',
    options: { method: 'POST', service: 'reports', path: '/run' },
    ...changes,
  }
}
