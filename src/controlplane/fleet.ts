import type { Address } from '../address.ts'
import { pause, type Clock, type Random } from '../clock.ts'
import type { ColdConfig } from '../config/config.ts'
import type { Logger } from '../logging.ts'
import { HeldKeys } from '../registry/held-keys.ts'
import type { Registry } from '../registry/registry.ts'
import { startElection, type Election } from '../registry/election.ts'
import type { Readiness } from './readiness.ts'
import { ReplicaStatus } from './replica-status.ts'
import { registerSelf, type ListeningAs } from './self-registration.ts'
import type { Pulse } from '../discovery/pulse.ts'
import type { ServiceWatches } from '../discovery/service-watches.ts'
import type { TaskRequest } from './tasks/task-kind.ts'
import { startTasks, type TaskScheduler } from './tasks/scheduler.ts'

/**
 * Leaving takes no longer, ms: the 5 s that running tasks are given, and a second for the registry. What a registry that hangs has not taken
 * by then lapses there by itself (TTLs).
 */
const LEAVE_MS = 6_000

export interface FleetOptions {
  readonly cold: ColdConfig
  readonly registry: Registry
  readonly watches: ServiceWatches
  readonly readiness: Readiness
  /** Under which address this gateway is known. */
  readonly front: Address
  readonly configFile: string
  /** Becomes this replica's. */
  readonly pulse: Pulse
  readonly listeners: readonly ListeningAs[]
  readonly call: (request: TaskRequest) => Promise<{ readonly status: number }>
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/** This gateway as one of a fleet. */
export interface Membership {
  /** The name of this replica. */
  readonly id: string
  /** What this replica tells the others. */
  readonly status: ReplicaStatus
  readonly tasks: TaskScheduler
  readonly election: Pick<Election, 'current'>
  /** Ends running tasks, gives the lead back and deregisters, within 6 s; never throws. */
  leave(): Promise<void>
}

/** Registers this gateway, has it run for the lead and run tasks when it leads. Left by the caller. */
export function joinFleet(options: FleetOptions): Membership {
  const { cold, registry, watches, readiness, front, listeners, configFile, pulse, call, clock, random, logger } = options
  const unready = (): string | null => readiness.report().reasons[0] ?? null
  const self = registerSelf(front, cold.services, { registry, watches, clock, random, logger, listeners, unready })
  // A run would be cut for it, and there is no hurry.
  const shouldYield = (): boolean => cold.registry.kind === 'embedded' && self.hasPeers && !tasks.isBusy
  const common = { registry, prefix: cold.kv.prefix, name: self.id, clock, random, logger }
  const election = startElection({ ...common, key: `${cold.kv.prefix}/leader`, shouldYield })
  const tasks = startTasks({ ...common, machine: cold.machine, configFile, election, call })
  const keys = new HeldKeys(registry, `meshgate ${self.id}`)
  const status = new ReplicaStatus({ ...common, keys }).start()
  pulse.knowAs(self.id, keys)
  return {
    id: self.id,
    status,
    tasks,
    election,
    leave: async () => {
      const pending = new Set(['deregister', 'end tasks', 'give the lead back', 'take the status out'])
      const done = (step: string) => (): void => void pending.delete(step)
      const yielding = tasks
        .close()
        .then(done('end tasks'))
        .then(() => election.close())
      const steps = Promise.all([
        self.close().then(done('deregister')),
        yielding.then(done('give the lead back')),
        Promise.all([status.close(), pulse.close()])
          .then(() => keys.close())
          .then(done('take the status out')),
      ])
      const inTime = new AbortController()
      await Promise.race([steps.then(() => inTime.abort()), pause(clock, LEAVE_MS, inTime.signal)])
      if (pending.size === 0) return
      const given = [...pending]
      logger.warn(
        { event: 'fleet.left_in_haste', pending: given },
        `the registry does not answer, gave up to ${given.join(', ')}`,
      )
    },
  }
}
