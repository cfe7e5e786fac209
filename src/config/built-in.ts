import type { ListenerLimits } from '../dataplane/limits.ts'
import type { OutlierPolicy } from '../dataplane/upstream/outliers.ts'
import type {
  BreakerPolicy,
  ConcurrencyPolicy,
  DeadlinePolicy,
  HedgePolicy,
  UpstreamPolicy,
} from '../dataplane/upstream/policy.ts'
import type { HealthPolicy } from '../health/policy.ts'
import type { BrakePolicy, MachineConfig, MeshConfig, RegisteredRoutesConfig, TaskConfig } from './config.ts'

/** What holds where the config says nothing. The reference page and the JSON Schema print these numbers. */
export const builtIn: {
  readonly upstream: UpstreamPolicy
  /** Where the time that is left is passed on and no more is said. */
  readonly deadline: DeadlinePolicy
  /** Where attempts get company and no more is said. */
  readonly hedge: HedgePolicy
  /** Of an upstream that wants a breaker and says no more. */
  readonly breaker: BreakerPolicy
  /** Of an upstream that wants its concurrency limited and says no more. */
  readonly concurrency: ConcurrencyPolicy
  /** Of an upstream that wants outliers taken out and says no more. */
  readonly outlier: OutlierPolicy
  readonly health: HealthPolicy
  readonly registeredRoutes: Omit<RegisteredRoutesConfig, 'allow'>
  readonly brake: BrakePolicy
  readonly limits: ListenerLimits
  readonly check: { readonly everyMs: number; readonly timeoutMs: number }
  readonly shutdown: { readonly graceMs: number; readonly drainMs: number }
  readonly task: Omit<TaskConfig, 'name' | 'cron' | 'kind' | 'options'>
  readonly machine: MachineConfig
  readonly workers: number
  readonly mesh: MeshConfig
} = {
  upstream: {
    timeouts: { connectMs: 1_000, responseMs: 15_000, idleMs: 60_000, tryMs: 0, totalMs: 0 },
    retry: {
      attempts: 2,
      on: { connect: true, reset: true, timeout: true, statuses: [] },
      budgetRatio: 0.2,
      backoffMs: 25,
      maxBackoffMs: 250,
      retryAfterMs: 1_000,
      holdBytes: 0,
    },
    deadline: null,
    hedge: null,
    breaker: null,
    concurrency: null,
    balance: { kind: 'round-robin', options: {} },
    maxConnections: 128,
    maxQueued: 1_024,
    warmConnections: 0,
    pipelining: 1,
    slowStartMs: 0,
    outlier: null,
    panicRatio: 0,
    zoneSpillBelowRatio: 0.7,
    backup: { where: [], spillBelowRatio: 0 },
  },
  deadline: { header: 'X-Request-Timeout-Ms', format: 'ms', accept: true },
  hedge: { afterMs: 200 },
  breaker: {
    failureRatio: 0.5,
    minRequests: 20,
    windowMs: 10_000,
    openMs: 5_000,
    trials: 3,
    on: { connect: true, reset: true, timeout: true, statuses: [[502, 504]] },
  },
  concurrency: { requests: 1_024, perInstance: 0, queue: 1_024, queueTimeoutMs: 1_000 },
  outlier: {
    consecutive: 5,
    failureRatio: 0,
    slowTimes: 0,
    slowByMs: 50,
    windowMs: 10_000,
    minRequests: 20,
    ejectMs: 30_000,
    maxEjectedRatio: 0.5,
    on: { connect: true, reset: true, timeout: true, statuses: [] },
  },
  health: {
    probe: { kind: 'tcp', options: {} },
    everyMs: 2_000,
    everyUnhealthyMs: null,
    everyRisingMs: null,
    jitterRatio: 0.2,
    timeoutMs: 1_000,
    healthy: 2,
    unhealthy: 3,
    shared: 0,
  },
  registeredRoutes: { most: 100, lingerMs: 60_000 },
  brake: { aboveRatio: 0.5, holdMs: 60_000 },
  limits: {
    headBytes: 16 * 1024,
    headerCount: 100,
    firstByteTimeoutMs: 10_000,
    headTimeoutMs: 10_000,
    requestTimeoutMs: 0,
    bodyBytesPerSecond: 240,
    keepAliveMs: 65_000,
    connections: 10_000,
  },
  check: { everyMs: 10_000, timeoutMs: 2_000 },
  shutdown: { graceMs: 1_000, drainMs: 30_000 },
  task: {
    timezone: 'UTC',
    timeoutMs: 60_000,
    jitterMs: 0,
    overlap: 'skip',
    catchUp: 'off',
    startWithinMs: 3_600_000,
    retry: { attempts: 1, backoffMs: 1_000, maxBackoffMs: 60_000 },
  },
  machine: { exec: [], execEnv: [], backups: './backups' },
  workers: 1,
  mesh: {
    default: 'allow',
    rules: [],
    callers: [],
    tokenHeader: 'X-Mesh-Token',
    byAddress: true,
    domain: 'consul',
    idleMs: 600_000,
    maxServices: 1_000,
  },
}
