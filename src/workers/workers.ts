import { formatAddress, type Address } from '../address.ts'
import type { Clock, Random, Timer } from '../clock.ts'
import type { ColdConfig, ListenerConfig } from '../config/config.ts'
import type { MembersFollower } from '../discovery/discovery.ts'
import { mergedLoads, type LeavingLoads } from '../controlplane/draining/load.ts'
import type { UpstreamLoad } from '../dataplane/upstream/upstream-load.ts'
import type { CallerAddresses } from '../dataplane/mesh/callers.ts'
import { messageOf } from '../errors.ts'
import type { Logger } from '../logging.ts'
import type { MetricSource } from '../metrics.ts'
import { MergedSamples } from './merged-samples.ts'
import type {
  AddressesMessage,
  Found,
  FromWorker,
  PlaneState,
  ServiceQuestion,
  StaleMessage,
  ToWorker,
  WorkerStart,
} from './messages.ts'
import { Slot } from './slot.ts'
import { claimAddresses } from './sockets.ts'
import { SpreadQuotas } from './spread-quotas.ts'
import type { WorkerProcess } from './worker-process.ts'
import { workerViews, type WorkerView } from './worker-view.ts'

/** How often workers are asked for their figures, so that a crash takes few of them along, ms. */
const REPORT_EVERY_MS = 5_000

/** Who asks for the figures waits no longer for a worker, ms: then its last ones stand. */
const REPORT_WAIT_MS = 1_000

/** What the workers need of the control plane. */
export interface ControlPlane {
  readonly state: () => PlaneState
  readonly lookUp: (question: ServiceQuestion) => Promise<Found>
  /** Upstreams that a worker has called since it reported last. */
  readonly onCalled: (upstreams: readonly string[]) => void
  /** An endpoint could not be reached or broke: probe it at once. */
  readonly onTrouble: (upstream: string, endpoint: string) => void
  /** A worker has taken an endpoint out; the others are to be told, by the follower. */
  readonly onEjected: (upstream: string, endpoint: string, forMs: number) => void
}

export interface WorkersOptions {
  readonly count: number
  readonly cold: ColdConfig
  /** Takes whole lines of the workers' logs. */
  readonly relay: (lines: string) => void
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/** The processes that serve while this one is the control plane. Started once, closed by the caller. */
export class Workers {
  /** Tells the workers what happens to members. */
  readonly follower: MembersFollower = {
    members: (upstream, members) => this.#tell({ kind: 'members', upstream, members }),
    ejected: (upstream, endpoint, forMs) => this.#tell({ kind: 'ejected', upstream, endpoint, forMs }),
    closed: (upstream) => this.#tell({ kind: 'forgotten', upstream }),
  }
  /** The limits that they keep together with other gateways. */
  readonly quotas = new SpreadQuotas((message) => this.#tell(message))
  readonly #options: WorkersOptions
  readonly #merged = new MergedSamples()
  readonly #secret: readonly [number, number]
  #slots: readonly Slot[] = []
  #staleSince: number | null = null
  #addresses: AddressesMessage = { kind: 'addresses', addresses: [] }
  #nextReport: Timer | null = null
  #isClosing = false

  constructor(options: WorkersOptions) {
    this.#options = options
    this.#secret = [options.random(), options.random()]
  }

  /** Starts all of them and resolves with the addresses of the listeners when all serve. Throws what one of them refuses to start with. */
  async start(controlPlane: ControlPlane): Promise<ReadonlyMap<string, Address>> {
    const { count, cold, logger } = this.#options
    process.once('exit', this.#killAll)
    const listeners = await claimAddresses(cold.listeners)
    const slots: Slot[] = []
    this.#slots = slots
    for (let worker = 0; worker < count; worker++) slots.push(this.#slot(worker, listeners, controlPlane))
    // From the first moment: one that hangs before it serves is to be noticed too.
    this.#scheduleReport()
    await Promise.all(slots.map((slot) => slot.start()))
    for (const { name, bind } of listeners) {
      const address = formatAddress(bind)
      logger.info(
        { event: 'workers.serving', listener: `listeners.${name}`, address, workers: count },
        `${count} workers serve listeners.${name} on http://${address}`,
      )
    }
    return new Map(listeners.map(({ name, bind }) => [name, bind]))
  }

  /** Has all of them serve by a new state. */
  apply(state: PlaneState): void {
    this.#tell({ kind: 'config', state })
  }

  /** Tells since when what is known of the instances is old (monotonic ms), if answers are to tell it. */
  tellStale(since: number | null): void {
    this.#staleSince = since
    this.#tell(this.#staleMessage())
  }

  /** Tells which services are known by the addresses that calls come from. */
  tellAddresses(addresses: CallerAddresses): void {
    this.#addresses = { kind: 'addresses', addresses: [...addresses] }
    this.#tell(this.#addresses)
  }

  /** How many do not serve. */
  get missing(): number {
    return this.#slots.filter(({ isServing }) => !isServing).length
  }

  get count(): number {
    return this.#options.count
  }

  /** How many processes have died. */
  get deaths(): number {
    return this.#slots.reduce((sum, { deaths }) => sum + deaths, 0)
  }

  view(): readonly WorkerView[] {
    return workerViews(this.#slots, this.#options.clock.monotonic())
  }

  /** Has all workers tell their figures; after a second at the latest. */
  async refresh(): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.refresh(REPORT_WAIT_MS)))
  }

  /** What the upstream has to do in each of them, as of their last reports. */
  loadsOf(upstream: string): readonly UpstreamLoad[] {
    return this.#processes.flatMap(({ report }) => report?.loads[upstream] ?? [])
  }

  /** What all have under way at instances that leave; null: one of them does not say so, after a second. */
  async leaving(): Promise<LeavingLoads | null> {
    const all = await Promise.all(this.#processes.map((process) => process.leaving(REPORT_WAIT_MS)))
    return all.every((loads) => loads !== null) ? mergedLoads(all) : null
  }

  /** Sources that tell what this process and all workers have counted. */
  merge(sources: readonly MetricSource[]): readonly MetricSource[] {
    const living = () => this.#processes.flatMap(({ report }) => (report ? [report.samples] : []))
    return sources.map((source) => this.#merged.merge(source, living))
  }

  /** Drops what ended workers have counted of routes and upstreams that are not there any more. */
  keepOnly(names: { readonly routes: ReadonlySet<string>; readonly upstreams: ReadonlySet<string> }): void {
    this.#merged.keepOnly(names)
  }

  /** Replaces all of them, one after the other, without losing a request. Throws what a new one refuses to start with. */
  async replaceAll(): Promise<void> {
    for (const slot of this.#slots) await slot.replace()
  }

  startDraining(): void {
    this.#tell({ kind: 'drain' })
  }

  /** Has them stop accepting and end what is under way within `drainMs`. */
  async close(drainMs: number): Promise<void> {
    this.#isClosing = true
    this.#nextReport?.cancel()
    await Promise.all(this.#slots.map((slot) => slot.close(drainMs)))
    process.off('exit', this.#killAll)
  }

  #slot(worker: number, listeners: readonly ListenerConfig[], controlPlane: ControlPlane): Slot {
    const { count, cold, relay, clock, random, logger } = this.#options
    const { shutdown, log } = cold
    return new Slot({
      worker,
      listeners,
      shutdown,
      startMessage: (): WorkerStart => ({
        kind: 'start',
        worker,
        of: count,
        secret: this.#secret,
        listeners,
        addresses: this.#addresses.addresses,
        logLevel: log.level,
        accessLog: log.access,
        drainMs: shutdown.drainMs,
        state: controlPlane.state(),
      }),
      onMessage: (message, from) => this.#hear(message, from, controlPlane),
      onEnded: ({ report }) => report && this.#merged.end(report.samples),
      hasOthers: () => this.#slots.some((slot, at) => at !== worker && slot.isServing),
      relay,
      clock,
      random,
      logger,
    })
  }

  #hear(message: FromWorker, from: WorkerProcess, { lookUp, onCalled, onTrouble, onEjected }: ControlPlane): void {
    switch (message.kind) {
      case 'trouble':
        for (const [upstream, endpoint] of message.endpoints) onTrouble(upstream, endpoint)
        return
      case 'ejected':
        return onEjected(message.upstream, message.endpoint, message.forMs)
      case 'lookUp':
        return void lookUp(message.question).then((found) => from.send({ kind: 'found', question: message.question, found }))
      case 'counted':
        this.quotas.noteCounted(message.counted)
        for (const process of this.#processes) if (process !== from) process.send(message)
        return
      case 'asked':
        return this.quotas.note(message)
      case 'leave':
        return this.#replace(from)
      case 'serving':
        from.send(this.quotas.message)
        return from.send(this.#staleMessage())
      case 'report':
        return onCalled(message.report.called)
      case 'refused':
      case 'applied':
      case 'leaving':
      case 'ended':
    }
  }

  #replace(process: WorkerProcess): void {
    const slot = this.#slots.find(({ current }) => current === process)
    if (!slot || this.#isClosing) return
    const { logger } = this.#options
    logger.info({ event: 'worker.asked_to_leave', pid: process.pid }, 'a worker was told to end: another one is started first')
    slot.replace().catch((error: unknown) => {
      logger.error({ event: 'worker.not_replaced', pid: process.pid, error: messageOf(error) }, 'the old worker serves on')
    })
  }

  get #processes(): readonly WorkerProcess[] {
    return this.#slots.flatMap(({ processes }) => processes)
  }

  #scheduleReport(): void {
    if (this.#isClosing) return
    this.#nextReport = this.#options.clock.after(REPORT_EVERY_MS, () => {
      this.#scheduleReport()
      for (const slot of this.#slots) slot.askForReport()
    })
  }

  /** Each process has a monotonic time of its own. */
  #staleMessage(): StaleMessage {
    const since = this.#staleSince
    return { kind: 'stale', forMs: since === null ? null : this.#options.clock.monotonic() - since }
  }

  #tell(message: ToWorker): void {
    for (const slot of this.#slots) slot.send(message)
  }

  /** However this process ends, its workers end with it; where it has no time for that, they notice by themselves. */
  readonly #killAll = (): void => {
    for (const process of this.#processes) process.kill()
  }
}
