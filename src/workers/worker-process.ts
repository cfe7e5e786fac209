import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import module from 'node:module'
import { fileURLToPath } from 'node:url'
import type { LeavingLoads } from '../controlplane/draining/load.ts'
import type { Clock } from '../clock.ts'
import { GatewayError } from '../errors.ts'
import type { FromWorker, ToWorker, WorkerReport, WorkerStart } from './messages.ts'
import { WholeLines } from './whole-lines.ts'

/** Beyond the time that it was given to end, a worker is waited for so long, ms. */
const LATE_MS = 5_000

/** New objects stay in the core's cache: docs/decisions/0025. One of the operator's own comes later, and wins. */
const YOUNG_GENERATION = '--max-semi-space-size=4'

export interface ProcessOptions {
  readonly start: WorkerStart
  /** Of its sockets, in the order of the listeners. */
  readonly fds: readonly number[]
  readonly clock: Clock
  /** Takes whole lines of its log. */
  readonly relay: (lines: string) => void
  readonly onMessage: (message: FromWorker) => void
}

/** How a process has ended, for people: `exit code 70`, `SIGKILL`. */
export type Ending = string

/** A worker's process as the primary sees it. */
export class WorkerProcess {
  readonly pid: number
  readonly startedSince: number
  /** Of the config that it serves by; 0: none yet. */
  generation = 0
  report: WorkerReport | null = null
  /** Questions for its figures since it last said anything. */
  unanswered = 0
  isServing = false
  /** Resolves when it serves, rejects if it says that it cannot (its own code) or ends before (`worker_failed`). */
  readonly serving: Promise<void>
  readonly exited: Promise<Ending>
  readonly #child: ChildProcess
  readonly #clock: Clock
  readonly #reportWaiters = new Set<() => void>()
  /** By the number of the question about those who leave. */
  readonly #leavingWaiters = new Map<number, (loads: LeavingLoads | null) => void>()
  #questions = 0

  constructor({ start, fds, clock, relay, onMessage }: ProcessOptions) {
    this.#clock = clock
    this.startedSince = clock.monotonic()
    this.#child = fork(workerFile(), {
      stdio: ['ignore', 'pipe', 'inherit', 'ipc', ...fds],
      serialization: 'advanced',
      execArgv: [YOUNG_GENERATION, ...process.execArgv.filter((flag) => !/^--(inspect|watch|test)/.test(flag))],
      env: { ...process.env, ...compileCache() },
    })
    this.pid = this.#child.pid ?? 0
    this.exited = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`))
      // It could not be started; 'close' does not come then.
      this.#child.on('error', (error) => this.#child.pid === undefined && resolve(error.message))
    })
    this.serving = new Promise((resolve, reject) => {
      this.#child.on('message', (message: FromWorker) => {
        this.unanswered = 0
        if (message.kind === 'serving') resolve()
        if (message.kind === 'refused') reject(new GatewayError(message.code, message.message))
        this.#take(message)
        onMessage(message)
      })
      void this.exited.then((ending) => reject(new GatewayError('worker_failed', `a worker ended before it served: ${ending}`)))
    })
    // Who awaits it is told; nobody has to.
    this.serving.catch(() => {})
    void this.exited.then(() => this.#endWaiting())
    this.#relayLog(relay)
    this.send(start)
  }

  send(message: ToWorker): void {
    if (this.#child.connected) this.#child.send(message, undefined, undefined, () => {})
  }

  askForReport(): void {
    this.unanswered++
    this.send({ kind: 'report' })
  }

  /** Asks for its figures and resolves when they are there, it has ended, or after `waitMs`. */
  refresh(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        timer.cancel()
        this.#reportWaiters.delete(done)
        resolve()
      }
      const timer = this.#clock.after(waitMs, done)
      this.#reportWaiters.add(done)
      if (this.#child.connected) this.send({ kind: 'report' })
      else done()
    })
  }

  /** What it has under way at instances that leave, by the members that it has been told; null: it does not say so within `waitMs`. */
  leaving(waitMs: number): Promise<LeavingLoads | null> {
    return new Promise((resolve) => {
      const question = ++this.#questions
      const done = (loads: LeavingLoads | null): void => {
        timer.cancel()
        this.#leavingWaiters.delete(question)
        resolve(loads)
      }
      const timer = this.#clock.after(waitMs, () => done(null))
      this.#leavingWaiters.set(question, done)
      // One that has ended has nothing under way.
      if (this.#child.connected) this.send({ kind: 'leaving', question })
      else done({})
    })
  }

  /** Has it end what is under way within `drainMs`; one that takes longer is killed. */
  async close(drainMs: number): Promise<Ending> {
    this.send({ kind: 'close', drainMs })
    const timer = this.#clock.after(drainMs + LATE_MS, () => this.kill())
    const ending = await this.exited
    timer.cancel()
    return ending
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  #take(message: FromWorker): void {
    if (message.kind === 'serving') this.isServing = true
    if (message.kind === 'applied') this.generation = message.generation
    if (message.kind === 'leaving') this.#leavingWaiters.get(message.question)?.(message.loads)
    if (message.kind !== 'report') return
    this.report = message.report
    this.#endWaiting()
  }

  #endWaiting(): void {
    for (const done of this.#reportWaiters) done()
    if (!this.#child.connected) for (const done of this.#leavingWaiters.values()) done({})
  }

  #relayLog(relay: (lines: string) => void): void {
    const { stdout } = this.#child
    if (!stdout) return
    const lines = new WholeLines()
    stdout.setEncoding('utf8')
    stdout.on('data', (piece: string) => {
      const whole = lines.push(piece)
      if (whole !== '') relay(whole)
    })
    // A pipe that breaks has ended with its process, which is told elsewhere.
    stdout.on('error', () => {})
    void once(stdout, 'close').then(() => relay(lines.end()))
  }
}

/** In the tree the process runs the .ts file, in dist the .js file: the one with this file's own extension. */
function workerFile(): string {
  return fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url))
}

/** The compiled code that this process has kept, so that workers start faster. */
function compileCache(): Readonly<Record<string, string>> {
  const folder = module.getCompileCacheDir()
  return folder === undefined ? {} : { NODE_COMPILE_CACHE: folder }
}
