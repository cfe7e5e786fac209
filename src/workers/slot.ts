import type { BoundSocket } from 'node:net'
import { fullJitterMs } from '../backoff.ts'
import { pause, type Clock, type Random } from '../clock.ts'
import type { ListenerConfig } from '../config/config.ts'
import { formatDurationMs } from '../durations.ts'
import { messageOf } from '../errors.ts'
import type { Logger } from '../logging.ts'
import type { FromWorker, ToWorker, WorkerStart } from './messages.ts'
import { openSockets } from './sockets.ts'
import { WorkerProcess } from './worker-process.ts'

/** A worker that has lived so long is replaced at once when it dies, ms; one that dies young is waited for longer each time. */
const STEADY_MS = 60_000
const RESTART_BACKOFF = { baseMs: 400, maxMs: 30_000 }

/** For so long connections may wait for the next process, ms; for longer, the others get them. */
const LONGEST_HOLD_MS = 1_000

/** A worker that leaves so many questions in a row unanswered hangs. */
const MOST_UNANSWERED = 6

export interface SlotOptions {
  readonly worker: number
  readonly listeners: readonly ListenerConfig[]
  readonly shutdown: { readonly graceMs: number; readonly drainMs: number }
  /** What a new worker begins with. */
  readonly startMessage: () => WorkerStart
  readonly onMessage: (message: FromWorker, from: WorkerProcess) => void
  /** Called with each process that has ended, however that was. */
  readonly onEnded: (process: WorkerProcess) => void
  /** Whether another slot serves, which could take what comes. */
  readonly hasOthers: () => boolean
  readonly relay: (lines: string) => void
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/**
 * The place of one worker: its sockets, which outlive its processes, and the process that serves on them. One that dies is replaced on the
 * same sockets, so that connections which wait in them are served; only if it dies again and again, and would be waited for too long, are
 * they given up, so that the system gives new connections to the others. Closed by the caller.
 */
export class Slot {
  /** How many processes have died. */
  deaths = 0
  readonly #options: SlotOptions
  readonly #closing = new AbortController()
  #sockets: readonly BoundSocket[]
  #current: WorkerProcess | null = null
  readonly #leaving = new Set<WorkerProcess>()
  #replacing: Promise<void> | null = null
  #youngDeaths = 0

  /** Throws what {@link openSockets} throws. */
  constructor(options: SlotOptions) {
    this.#options = options
    this.#sockets = openSockets(options.listeners)
  }

  get current(): WorkerProcess | null {
    return this.#current
  }

  /** All its processes, those that end what is under way included. */
  get processes(): readonly WorkerProcess[] {
    return this.#current ? [this.#current, ...this.#leaving] : [...this.#leaving]
  }

  get isServing(): boolean {
    return this.#current?.isServing ?? false
  }

  /** Starts the first process; resolves when it serves. Throws what it refuses to start with. */
  async start(): Promise<WorkerProcess> {
    const first = this.#launch()
    this.#current = first
    await first.serving
    return first
  }

  send(message: ToWorker): void {
    for (const process of this.processes) process.send(message)
  }

  /**
   * Starts another process on the same sockets and ends the old one when the new one serves: no request is lost. Resolves when the old one
   * has ended. Throws what the new one refuses to start with; then the old one serves on.
   */
  replace(): Promise<void> {
    this.#replacing ??= this.#replace().finally(() => (this.#replacing = null))
    return this.#replacing
  }

  /** Asks for figures, and ends a process that does not answer any more. */
  askForReport(): void {
    const { logger, worker } = this.#options
    for (const process of this.processes) {
      // Counted and not timed: after a suspension of the whole machine nobody has had the time to answer.
      if (process.unanswered < MOST_UNANSWERED) {
        process.askForReport()
        continue
      }
      logger.error({ event: 'worker.hangs', worker, pid: process.pid }, `worker ${worker} does not answer: it is killed`)
      process.kill()
    }
  }

  /** Ends its processes within `drainMs` and gives its sockets up. */
  async close(drainMs: number): Promise<void> {
    this.#closing.abort()
    const ending = this.processes.map((process) => process.close(drainMs))
    this.#releaseSockets()
    await Promise.all(ending)
  }

  #launch(): WorkerProcess {
    const { startMessage, onMessage, relay, clock } = this.#options
    const process: WorkerProcess = new WorkerProcess({
      start: startMessage(),
      fds: this.#sockets.map((socket) => socket.fd()),
      clock,
      relay,
      onMessage: (message) => onMessage(message, process),
    })
    void process.exited.then((ending) => this.#onExit(process, ending))
    return process
  }

  async #onExit(process: WorkerProcess, ending: string): Promise<void> {
    this.#options.onEnded(process)
    if (this.#leaving.delete(process) || process !== this.#current) return
    this.#current = null
    if (this.#closing.signal.aborted) return
    const { clock, logger, worker } = this.#options
    this.deaths++
    if (clock.monotonic() - process.startedSince >= STEADY_MS) this.#youngDeaths = 0
    const waitMs = this.#waitMs()
    logger.error(
      { event: 'worker.died', worker, pid: process.pid, ending, restartInMs: waitMs },
      `worker ${worker} died (${ending}): another one starts ${waitMs === 0 ? 'at once' : `in ${formatDurationMs(waitMs)}`}`,
    )
    await this.#restart(waitMs)
  }

  /** The first time none: what made it die may be gone with it. */
  #waitMs(): number {
    const attempt = this.#youngDeaths++
    if (attempt === 0) return 0
    const { baseMs } = RESTART_BACKOFF
    return Math.round(Math.max(baseMs / 2, fullJitterMs(attempt, this.#options.random, RESTART_BACKOFF)))
  }

  async #restart(waitMs: number): Promise<void> {
    const { clock, logger, worker, hasOthers, listeners } = this.#options
    if (waitMs > LONGEST_HOLD_MS && hasOthers()) this.#releaseSockets()
    await pause(clock, waitMs, this.#closing.signal)
    // Somebody may have asked for a new one meanwhile.
    if (this.#closing.signal.aborted || this.#current) return
    try {
      if (this.#sockets.length === 0) this.#sockets = openSockets(listeners)
      const { pid } = await this.start()
      logger.info({ event: 'worker.restarted', worker, pid }, `worker ${worker} serves again`)
    } catch (error) {
      // If it was its process that failed, its end has started the next one.
      logger.error({ event: 'worker.restart_failed', worker, error: messageOf(error) }, `worker ${worker} cannot start yet`)
      if (this.#sockets.length === 0) return this.#restart(this.#waitMs())
    }
  }

  async #replace(): Promise<void> {
    const { logger, worker } = this.#options
    if (!this.#current) return
    const next = this.#launch()
    this.#leaving.add(next)
    await next.serving
    this.#leaving.delete(next)
    // Not always the one from before: that may have died meanwhile.
    const old = this.#current
    this.#current = next
    logger.info({ event: 'worker.replaced', worker, pid: next.pid, oldPid: old?.pid }, `worker ${worker} is replaced`)
    if (old) await this.#retire(old)
  }

  async #retire(process: WorkerProcess): Promise<void> {
    const { shutdown, clock } = this.#options
    this.#leaving.add(process)
    process.send({ kind: 'drain' })
    await pause(clock, shutdown.graceMs, this.#closing.signal)
    if (!this.#closing.signal.aborted) await process.close(shutdown.drainMs)
  }

  #releaseSockets(): void {
    for (const socket of this.#sockets) socket.close()
    this.#sockets = []
  }
}
