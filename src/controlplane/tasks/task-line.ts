import type { Fire } from './fire.ts'

export interface TaskLineOptions {
  /** Runs a fire to its end; never rejects. */
  readonly run: (fire: Fire) => Promise<void>
  /** Records that a fire does not run; never rejects. */
  readonly refuse: (fire: Fire, why: string) => Promise<void>
  /** What there is to do when nothing else is: each is given once. */
  readonly spare: () => Fire | undefined
}

/** The runs of one task on this gateway: one at a time, and at most one that waits. */
export class TaskLine {
  readonly #options: TaskLineOptions
  #running: Fire | null = null
  #waiting: Fire | null = null

  constructor(options: TaskLineOptions) {
    this.#options = options
  }

  get running(): Fire | null {
    return this.#running
  }

  get waiting(): Fire | null {
    return this.#waiting
  }

  has(fireTime: string): boolean {
    return [this.#running, this.#waiting].some((fire) => fire?.fireTime.toISOString() === fireTime)
  }

  /** Runs a fire now, or when the run before it has ended, or not at all, as its task says (`overlap`). */
  enter(fire: Fire): void {
    const running = this.#running
    if (!running) return this.#start(fire)
    const why = `skipped: the run of ${running.fireTime.toISOString()} has not ended`
    if (fire.task.overlap === 'skip') return void this.#options.refuse(fire, why)
    const waiting = this.#waiting
    if (!waiting) this.#waiting = fire
    // Where each fire is to run, the records are the queue: it is found missed, and made up for.
    else if (fire.task.catchUp !== 'each')
      void this.#options.refuse(fire, `${why}, and that of ${waiting.fireTime.toISOString()} waits`)
  }

  /** Does what is left to do, if nothing is under way. */
  nudge(): void {
    if (this.#running) return
    const fire = this.#options.spare()
    if (fire) this.#start(fire)
  }

  #start(fire: Fire): void {
    this.#running = fire
    void this.#options.run(fire).then(() => this.#next())
  }

  #next(): void {
    const next = this.#waiting
    this.#running = null
    this.#waiting = null
    if (next) this.#start(next)
    else this.nudge()
  }
}
