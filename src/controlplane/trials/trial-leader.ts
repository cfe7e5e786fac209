import type { Clock } from '../../clock.ts'
import { messageOf } from '../../errors.ts'
import type { Logger } from '../../logging.ts'
import type { Registry } from '../../registry/registry.ts'
import type { Election } from '../../registry/election.ts'
import { livingReplicas } from '../replica-status.ts'
import { shortId } from '../revisions/content.ts'
import { moved, untried, type Mover, type Pointer } from '../revisions/pointer.ts'
import { RevisionStore } from '../revisions/revision-store.ts'
import { Repeat } from './repeat.ts'
import { TrialCourse, type Step } from './trial-course.ts'

const LOOK_EVERY_MS = 1_000

/** Who moves the pointer when nobody does it by hand. */
const AUTHOR = 'meshgate'

export interface TrialLeaderDeps {
  readonly registry: Pick<Registry, 'kv'>
  readonly prefix: string
  readonly election: Pick<Election, 'current'>
  /** As this replica knows it. */
  readonly revisions: { readonly pointer: Pointer | null }
  readonly clock: Clock
  readonly logger: Logger
}

/**
 * While this gateway leads and a trial is on, holds the replicas that try a revision against the others, and then gives it to all or takes it
 * back. All that it has to know is in KV, so the next leader goes on with it. While the registry is away it waits. Closed by the caller.
 */
export class TrialLeader {
  /** Trials that this gateway has ended since it started. */
  readonly ended = { promote: 0, undo: 0 }
  readonly #deps: TrialLeaderDeps
  readonly #store: RevisionStore
  readonly #repeat: Repeat
  #course: TrialCourse | null = null

  constructor(deps: TrialLeaderDeps) {
    this.#deps = deps
    this.#store = new RevisionStore(deps)
    this.#repeat = new Repeat({ clock: deps.clock, everyMs: LOOK_EVERY_MS, work: () => this.#look() })
  }

  /** To be called after each change of the pointer. */
  look(): void {
    if (this.#deps.revisions.pointer?.trial) this.#repeat.wake()
  }

  close(): void {
    this.#repeat.close()
  }

  async #look(): Promise<boolean> {
    if (!this.#deps.revisions.pointer?.trial) {
      this.#course = null
      return false
    }
    if (!this.#deps.election.current) {
      // What this gateway has seen in an earlier term says nothing of what was in between.
      this.#course = null
      return true
    }
    await this.#judge().catch((error: unknown) => {
      this.#deps.logger.debug({ event: 'trial.unseen', error: messageOf(error) }, 'the trial cannot be looked at now')
    })
    return true
  }

  async #judge(): Promise<void> {
    const { registry, prefix, clock, election } = this.#deps
    const { pointer, index } = await this.#store.readPointer()
    const { trial = null } = pointer ?? {}
    if (!pointer || !trial) return
    if (this.#course?.trial.number !== trial.number) this.#course = new TrialCourse(trial, clock.monotonic())
    const step = this.#course.next(await livingReplicas(registry, prefix), clock.monotonic())
    if (step.kind === 'wait' || !election.current) return
    await this.#end(pointer, index, step)
  }

  async #end(pointer: Pointer, index: bigint, step: Exclude<Step, { kind: 'wait' }>): Promise<void> {
    const { clock, logger } = this.#deps
    const { kind, reason } = step
    const revision = pointer.trial?.revision ?? null
    const mover: Mover = { kind, author: AUTHOR, reason, at: new Date(clock.now()).toISOString() }
    const next = kind === 'promote' ? moved(pointer, revision, mover) : untried(pointer, mover)
    // False: a person has moved it meanwhile, and that ends the trial too.
    if (!(await this.#store.movePointer(next, index))) return
    this.ended[kind]++
    const what = revision === null ? 'the config files alone' : `revision ${shortId(revision)}`
    const fields = { event: kind === 'promote' ? 'trial.promoted' : 'trial.undone', revision, reason }
    if (kind === 'promote') logger.info(fields, `${what} is given to all: ${reason}`)
    else logger.error(fields, `${what} is taken back: ${reason}`)
  }
}
