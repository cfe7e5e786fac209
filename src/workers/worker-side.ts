import { systemClock as clock, systemRandom as random } from '../clock.ts'
import type { ListenerConfig } from '../config/config.ts'
import { moduleFileOf } from '../dataplane/filters/module.ts'
import { loadUserModule } from '../user-modules.ts'
import { Gateway } from '../dataplane/gateway.ts'
import { startListener, type Listener } from '../dataplane/listener/listener.ts'
import { Mesh, type LookupFailure, type ServiceLookup } from '../dataplane/mesh/mesh.ts'
import type { Upstream } from '../dataplane/upstream/upstream.ts'
import { messageOf } from '../errors.ts'
import type { Logger } from '../logging.ts'
import { DataPlane } from './data-plane.ts'
import { keyOf, Lookups } from './lookups.ts'
import {
  firstSocketFd,
  type FromWorker,
  type PlaneState,
  type ServiceQuestion,
  type ToWorker,
  type WorkerReport,
  type WorkerStart,
} from './messages.ts'
import { sharedListener } from './share.ts'
import { Tallies } from './tallies.ts'
import { Trouble } from './trouble.ts'
import { WorkerQuotas } from './worker-quotas.ts'

/** How a worker reaches the primary, and its log. */
export interface WorkerIo {
  readonly say: (message: FromWorker) => unknown
  readonly logger: Logger
}

/** Names that are remembered; of one that is not the primary is asked again. */
const MOST_OWN_NAMES = 1_024

type Message = Exclude<ToWorker, { kind: 'start' | 'close' }>

/** A worker at work: a data plane with the listeners that share their ports with the other workers. */
export class WorkerSide {
  readonly #start: WorkerStart
  readonly #io: WorkerIo
  readonly #gateway: Gateway
  readonly #mesh: Mesh
  readonly #plane: DataPlane
  readonly #lookups: Lookups
  readonly #tallies: Tallies
  readonly #quotas: WorkerQuotas
  readonly #listeners: Listener[] = []
  /** Upstreams by the names that callers have for them with a datacenter. */
  readonly #ownNames = new Map<string, string>()
  /** While modules of users are loaded, what comes waits; null: nothing has to. */
  #busy: Promise<void> | null = null

  constructor(start: WorkerStart, io: WorkerIo) {
    const { say, logger } = io
    this.#start = start
    this.#io = io
    const trouble = new Trouble(clock, (endpoints) => say({ kind: 'trouble', endpoints }))
    const verdicts = {
      trouble: (upstream: string, endpoint: string) => trouble.see(upstream, endpoint),
      ejected: (upstream: string, endpoint: string, forMs: number) => say({ kind: 'ejected', upstream, endpoint, forMs }),
    }
    const deps = { clock, random, logger, accessLog: start.accessLog }
    this.#gateway = new Gateway(deps)
    this.#tallies = new Tallies(clock, (counted) => say({ kind: 'counted', counted }))
    this.#quotas = new WorkerQuotas(clock, say)
    const peers = { secret: start.secret }
    this.#plane = new DataPlane(this.#gateway, { ...deps, peers, part: start, drainMs: start.drainMs, verdicts })
    this.#lookups = new Lookups((question) => say({ kind: 'lookUp', question }))
    this.#mesh = new Mesh({ gateway: this.#gateway, lookUp: this.#lookUp, secret: start.secret })
    this.#mesh.addresses = new Map(start.addresses)
  }

  /** Serves the state that it was started with. Throws what listening throws. */
  async serve(): Promise<void> {
    const { state, listeners } = this.#start
    const starting = this.#loadModules(state).then(() => this.#apply(state))
    this.#keepBusy(starting)
    await starting
    for (const [at, config] of listeners.entries()) this.#listeners.push(await this.#listen(config, at))
    this.#io.say({ kind: 'serving' })
  }

  /** Takes what the primary says, in its order, but for `start` and `close`. */
  hear(message: Message): void {
    const work = this.#busy ? this.#busy.then(() => this.#take(message)) : this.#take(message)
    if (work instanceof Promise) this.#keepBusy(work)
  }

  #keepBusy(work: Promise<void>): void {
    const free = (): void => {
      if (this.#busy === busy) this.#busy = null
    }
    const busy: Promise<void> = work.then(free, free)
    this.#busy = busy
  }

  #take(message: Message): void | Promise<void> {
    switch (message.kind) {
      case 'config':
        return this.#change(message.state)
      case 'members':
        return this.#plane.setMembers(message.upstream, message.members)
      case 'ejected':
        return this.#plane.eject(message.upstream, message.endpoint, message.forMs)
      case 'forgotten':
        return this.#plane.forget(message.upstream)
      case 'found':
        return this.#lookups.answer(message.question, message.found)
      case 'addresses':
        this.#mesh.addresses = new Map(message.addresses)
        return
      case 'counted':
        return this.#tallies.add(message.counted)
      case 'parts':
        return this.#quotas.setParts(message)
      case 'stale':
        this.#gateway.registryStaleSince = message.forMs === null ? null : clock.monotonic() - message.forMs
        return
      case 'report':
        return this.#report()
      case 'leaving':
        return void this.#io.say({ ...message, loads: this.#plane.leaving() })
      case 'drain':
        for (const listener of this.#listeners) listener.startDraining()
    }
  }

  /** Stops accepting, gives what is under way `drainMs`, and tells its last figures. */
  async close(drainMs: number): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.close(drainMs)))
    await this.#plane.close()
    this.#report()
  }

  /** What is left to do when there is no primary any more. */
  async closeAlone(): Promise<void> {
    this.#io.logger.error({ event: 'worker.orphaned' }, 'the primary process is gone: ending what is under way')
    // Without a time of grace: who starts the gateway again needs the ports.
    await this.close(this.#start.drainMs)
  }

  async #change(state: PlaneState): Promise<void> {
    try {
      await this.#loadModules(state)
      this.#apply(state)
    } catch (error) {
      // The primary has applied it, so that it is a module which is another one for us: what served before goes on.
      const event = { event: 'config.not_applied', generation: state.generation, error: messageOf(error) }
      this.#io.logger.error(event, `config ${state.generation} is not applied in this worker: ${messageOf(error)}`)
    }
  }

  async #loadModules({ routes }: PlaneState): Promise<void> {
    const files = new Set(routes.flatMap(({ filters }) => filters.flatMap(moduleFileOf)))
    await Promise.all([...files].map(loadUserModule))
  }

  #apply(state: PlaneState): void {
    this.#plane.apply(state)
    this.#tallies.follow(this.#gateway.snapshot)
    this.#quotas.follow(this.#gateway.snapshot)
    this.#io.say({ kind: 'applied', generation: this.#plane.generation })
  }

  #listen(config: ListenerConfig, at: number): Promise<Listener> {
    const { name, mode, bind, limits, trust, proxyStatus, debug } = sharedListener(config, this.#start)
    return startListener({
      name: `listeners.${name}`,
      bind: { ...bind, fd: firstSocketFd + at },
      limits,
      trust,
      proxyStatus,
      debug,
      origin: `w${this.#start.worker}`,
      clock,
      random,
      logger: this.#io.logger,
      isProxy: mode === 'mesh',
      serve: mode === 'front' ? this.#gateway.serve : (exchange) => this.#mesh.serve(exchange, bind.port),
    })
  }

  readonly #lookUp: ServiceLookup = (service, datacenter) => {
    const question = { service, datacenter }
    return this.#plane.findCallable(this.#ownNames.get(keyOf(question)) ?? keyOf(question)) ?? this.#askFor(question)
  }

  async #askFor(question: ServiceQuestion): Promise<Upstream | LookupFailure> {
    const found = await this.#lookups.find(question)
    if ('failure' in found) return found.failure
    const upstream = this.#plane.demand(found.upstream)
    // Our own datacenter under its name: who is meant need not be asked again.
    if (this.#ownNames.size >= MOST_OWN_NAMES) this.#ownNames.clear()
    if (question.datacenter !== null) this.#ownNames.set(keyOf(question), upstream.name)
    return upstream
  }

  #report(): void {
    const { user, system } = process.cpuUsage()
    const report: WorkerReport = {
      loads: this.#plane.loads(),
      samples: Object.fromEntries(
        [...this.#plane.metricSources(), ...this.#mesh.edges.metricSources()].map(({ name, samples }) => [name, [...samples()]]),
      ),
      called: this.#plane.takeCalled(),
      connections: this.#listeners.reduce((sum, { connections }) => sum + connections, 0),
      inFlight: this.#gateway.stats.inFlight,
      residentBytes: process.memoryUsage.rss(),
      cpuMs: Math.round((user + system) / 1000),
    }
    this.#io.say({ kind: 'report', report })
  }
}
