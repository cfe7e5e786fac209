import type { HotDocument } from '../../config/file.ts'
import { formatProblem, type ConfigProblem, type Parsed } from '../../config/problem.ts'
import type { Logger } from '../../logging.ts'
import type { KvEntry, Registry, Watch } from '../../registry/registry.ts'
import type { KvState } from '../sources/kv-source.ts'
import { joinPieces, shortId, type RevisionContent } from './content.ts'
import { pointerKey, readPointer, revisionFolder, targetOf, type Pointer } from './pointer.ts'

/** Which revision a replica runs. */
export interface RevisionStanding {
  /** The move of the pointer that it follows; 0: the pointer has never been moved. */
  readonly number: number
  /** What is to run; null: the config file and the keys of KV alone. */
  readonly wanted: string | null
  /** What runs. */
  readonly running: string | null
  /** Why what is wanted does not run, or what is wrong with the pointer; null: all is well. */
  readonly problem: string | null
}

export interface RevisionSourceDeps {
  readonly registry: Pick<Registry, 'watchPrefix'>
  readonly prefix: string
  readonly logger: Logger
  /** May take its time. */
  readonly parse: (content: RevisionContent) => Promise<Parsed<HotDocument>>
  /** Puts it in force, whole, and gives what is wrong with it: then what was in force stays so. */
  readonly apply: (revision: HotDocument | null) => readonly ConfigProblem[]
}

/** What is to run, and how far it is. */
interface Wanted {
  readonly id: string | null
  /** Null: there is nothing to read. */
  readonly watch: Watch | null
  /** Parsed, but it did not fit. */
  refused: HotDocument | null
}

const nothing: Wanted = { id: null, watch: null, refused: null }

/** So many problems of a revision are told in its standing. */
const MOST_TOLD = 5

/**
 * Follows the pointer and the revision that it names. A revision is applied whole or not at all: while one is incomplete, damaged or does not
 * fit, and while the pointer is gone or damaged, the last good one stays and the standing says why. Started once, closed by the caller.
 */
export class RevisionSource {
  /** Called after each change of the standing. */
  onChange: (() => void) | null = null
  readonly #deps: RevisionSourceDeps
  #pointerWatch: Watch | null = null
  #pointer: Pointer | null = null
  #replica: string | null = null
  #wanted: Wanted = nothing
  #running: Wanted = nothing
  #number = 0
  #turn = 0
  #isSettled = false
  #hasFailed = false
  #pointerProblem: string | null = null
  #contentProblem: string | null = null

  constructor(deps: RevisionSourceDeps) {
    this.#deps = deps
  }

  start(): this {
    const { registry, prefix } = this.#deps
    this.#pointerWatch = registry.watchPrefix(pointerKey(prefix), {
      onValue: (entries, isRemembered) => {
        this.#noteAnswer(isRemembered)
        this.#hear(entries.find(({ key }) => key === pointerKey(prefix)) ?? null)
      },
      onError: () => void (this.#hasFailed = true),
    })
    return this
  }

  get standing(): RevisionStanding {
    const problem = this.#pointerProblem ?? this.#contentProblem
    return { number: this.#number, wanted: this.#wanted.id, running: this.#running.id, problem }
  }

  /** The pointer as it made sense last; null: it has never been moved, or is not known yet. */
  get pointer(): Pointer | null {
    return this.#pointer
  }

  /** `known` when what is wanted runs. */
  get state(): KvState {
    if (this.#isSettled && this.#wanted === this.#running) return 'known'
    return this.#hasFailed ? 'unavailable' : 'awaited'
  }

  /** From now on this replica may be one of those that take a revision first. */
  knowAs(replica: string): void {
    this.#replica = replica
    if (this.#pointer) this.#follow(this.#pointer)
  }

  /** Tries again what did not fit, after what it is to fit with has changed. */
  retry(): void {
    const { id, refused } = this.#wanted
    if (refused && id !== null) this.#apply(refused)
  }

  close(): void {
    this.#turn++
    this.#pointerWatch?.close()
    for (const { watch } of new Set([this.#wanted, this.#running])) watch?.close()
  }

  /** What is wrong from now on is not that the registry is away. */
  #noteAnswer(isRemembered = false): void {
    if (!isRemembered) this.#hasFailed = false
  }

  #hear(entry: KvEntry | null): void {
    const pointer = entry && readPointer(entry.value)
    const key = pointerKey(this.#deps.prefix)
    if (pointer) {
      this.#pointerProblem = null
      this.#pointer = pointer
      return this.#follow(pointer)
    }
    if (entry) return this.#refusePointer(`${key} makes no sense: meshgate rollback or apply writes it anew`)
    if (this.#pointer) return this.#refusePointer(`${key} is gone from KV: meshgate rollback or apply writes it anew`)
    this.#pointerProblem = null
    this.#settle()
  }

  #refusePointer(problem: string): void {
    if (problem === this.#pointerProblem) return
    this.#pointerProblem = problem
    this.#deps.logger.error({ event: 'revision.pointer_damaged', problem }, `what served before goes on: ${problem}`)
    this.onChange?.()
  }

  #follow(pointer: Pointer): void {
    const { id, number } = targetOf(pointer, this.#replica)
    this.#number = number
    if (id !== this.#wanted.id) this.#want(id)
    else if (id === null) this.#settle()
    this.onChange?.()
  }

  #want(id: string | null): void {
    this.#turn++
    if (this.#wanted !== this.#running) this.#wanted.watch?.close()
    this.#contentProblem = null
    if (id === this.#running.id) {
      this.#wanted = this.#running
      return
    }
    this.#wanted = { id, watch: id === null ? null : this.#watch(id), refused: null }
    if (id === null) this.#apply(null)
  }

  #watch(id: string): Watch {
    const { registry, prefix } = this.#deps
    return registry.watchPrefix(revisionFolder(prefix, id), {
      onValue: (entries, isRemembered) => {
        this.#noteAnswer(isRemembered)
        void this.#read(id, entries)
      },
      onError: () => void (this.#hasFailed = true),
    })
  }

  async #read(id: string, entries: readonly KvEntry[]): Promise<void> {
    if (id !== this.#wanted.id) return
    const turn = ++this.#turn
    const content = joinPieces(id, entries)
    if ('damage' in content) return this.#refuse(content.damage)
    if (id === this.#running.id) return this.#heal()
    const parsed = await this.#deps.parse(content)
    // Another one is wanted by now, or a newer reading of this one is under way.
    if (turn !== this.#turn) return
    if (parsed.ok) this.#apply(parsed.value)
    else this.#refuse(textOf(parsed.problems))
  }

  #apply(revision: HotDocument | null): void {
    const problems = this.#deps.apply(revision)
    if (problems.length > 0) {
      this.#wanted.refused = revision
      return this.#refuse(textOf(problems))
    }
    const before = this.#running
    this.#wanted.refused = null
    this.#running = this.#wanted
    before.watch?.close()
    this.#contentProblem = null
    this.#settle()
    const what = this.#running.id === null ? 'no revision is' : `revision ${shortId(this.#running.id)} is`
    this.#deps.logger.info({ event: 'revision.applied', ...this.standing }, `${what} in force (move ${this.#number})`)
    this.onChange?.()
  }

  #refuse(problem: string): void {
    if (problem === this.#contentProblem) return
    this.#contentProblem = problem
    const { id } = this.#wanted
    this.#deps.logger.error(
      { event: 'revision.refused', revision: id, problem },
      `revision ${shortId(id ?? '')} is refused, what served before goes on: ${problem}`,
    )
    this.onChange?.()
  }

  /** What runs was damaged in KV, and is whole again. */
  #heal(): void {
    if (this.#contentProblem === null) return
    this.#contentProblem = null
    this.onChange?.()
  }

  #settle(): void {
    if (this.#isSettled) return
    this.#isSettled = true
    this.onChange?.()
  }
}

function textOf(problems: readonly ConfigProblem[]): string {
  const more = problems.length - MOST_TOLD
  return `${problems.slice(0, MOST_TOLD).map(formatProblem).join('; ')}${more > 0 ? `; and ${more} more` : ''}`
}
