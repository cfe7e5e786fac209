import type { Clock } from '../../clock.ts'
import type { Assembly } from '../../config/assemble.ts'
import type { HotConfig } from '../../config/config.ts'
import type { HotDocument } from '../../config/file.ts'
import { ConfigError, type ConfigProblem } from '../../config/problem.ts'
import { GatewayError, messageOf } from '../../errors.ts'
import type { Logger } from '../../logging.ts'
import type { Registry } from '../../registry/registry.ts'
import { livingReplicas } from '../replica-status.ts'
import { configuredBy } from '../../discovery/upstream-table.ts'
import { planTrial, type Staging } from '../trials/staging.ts'
import { configChanges, type ConfigChange } from './config-diff.ts'
import { contentOf, MAX_REVISION_BYTES, shortId, sizeOf, type RevisionContent, type RevisionFile } from './content.ts'
import { findRevision } from './find-revision.ts'
import { loadRevision, type LoadOptions } from './load-revision.ts'
import { moved, tried, type Move, type Mover, type Pointer, type Trial } from './pointer.ts'
import { fleetView, sectionOf, type FleetView } from './revision-report.ts'
import { RevisionStore, type PointerReading } from './revision-store.ts'

/** What is to be put in force: files, or a revision that once was (its id or the start of it, or the number of a move); `null`: the one before. */
export type Candidate = { readonly files: readonly RevisionFile[] } | { readonly revision: string | null }

/** What a candidate would change. */
export interface RevisionPreview {
  /** Null: no revision, the config files and the keys of KV alone. */
  readonly revision: string | null
  /** The move that this was compared with, to be given to `apply`. */
  readonly base: number
  /** Whether it is in force already. */
  readonly isCurrent: boolean
  /** Is under way, and would end with it. */
  readonly trial: Trial | null
  readonly changes: readonly ConfigChange[]
  readonly impact: {
    /** Routes that are added, removed or changed. */
    readonly routes: number
    /** WebSockets open at this gateway, and those of them whose upstream goes. */
    readonly webSockets: number
    readonly webSocketsClosing: number
  }
  readonly warnings: readonly ConfigProblem[]
}

export interface ApplyRequest {
  readonly candidate: Candidate
  /** The move that the person has looked at; absent: whatever is in force. */
  readonly base?: number | undefined
  /** Some replicas are to try it first; absent: all take it at once. */
  readonly staged?: Staging | undefined
  readonly author: string
  readonly reason: string
}

/** What came of it. */
export interface Applied {
  readonly revision: string | null
  /** The move; when nothing was to be done: the present one. */
  readonly number: number
  readonly isNew: boolean
  /** That has begun; null: all replicas take it. */
  readonly trial: Trial | null
}

export interface RevisionDeskDeps extends Pick<LoadOptions, 'parser' | 'env'> {
  readonly registry: Pick<Registry, 'kv'>
  readonly prefix: string
  readonly running: {
    readonly hot: HotConfig
    readonly file: HotDocument
    readonly revision: HotDocument | null
    withRevision(revision: HotDocument | null): Assembly
  }
  /** WebSockets that are open now, by upstream. */
  readonly tunnels: () => Promise<ReadonlyMap<string, number>>
  readonly clock: Clock
  readonly logger: Logger
}

/** A candidate that could serve beside this gateway's file. */
interface Checked {
  /** Null: no revision. */
  readonly content: RevisionContent | null
  readonly assembly: Assembly
}

/** Puts revisions in force for the whole fleet, and tells what they would change and which were in force before. */
export class RevisionDesk {
  readonly #deps: RevisionDeskDeps
  readonly #store: RevisionStore

  constructor(deps: RevisionDeskDeps) {
    this.#deps = deps
    this.#store = new RevisionStore(deps)
  }

  /** Throws `config_invalid`, `not_found`, `registry_…`. */
  async preview(candidate: Candidate): Promise<RevisionPreview> {
    const { pointer } = await this.#store.readPointer()
    const { content, assembly } = await this.#check(candidate, pointer)
    const { hot } = this.#deps.running
    const changes = configChanges(hot, assembly.hot)
    const id = content?.id ?? null
    return {
      revision: id,
      base: numberOf(pointer),
      isCurrent: pointer !== null && pointer.revision === id && pointer.trial === null,
      trial: pointer?.trial ?? null,
      changes,
      impact: { routes: changes.filter(({ kind }) => kind === 'route').length, ...(await this.#webSockets(assembly.hot)) },
      warnings: assembly.warnings,
    }
  }

  /**
   * Writes the revision and moves the pointer to it, or begins a trial of it. Throws `config_invalid`, `not_found`, `registry_…`, and
   * `revision_conflict` if somebody has moved it since `base`.
   */
  async apply({ candidate, base, staged, author, reason }: ApplyRequest): Promise<Applied> {
    const reading = await this.#store.readPointer()
    refuseConflict(reading, base)
    const { content } = await this.#check(candidate, reading.pointer)
    const revision = content?.id ?? null
    if (reading.pointer?.revision === revision && reading.pointer.trial === null)
      return { revision, number: numberOf(reading.pointer), isNew: false, trial: null }
    if (content) await this.#store.write(content)
    const kind = 'files' in candidate ? 'apply' : 'rollback'
    const at = new Date(this.#deps.clock.now()).toISOString()
    const pointer = await this.#pointerTo(revision, reading, { staged, mover: { kind, author, reason, at } })
    await this.#move(pointer, reading)
    // Had it stood unused for long, another gateway may have taken it out before the pointer named it.
    if (content) await this.#store.write(content)
    await this.#prune(pointer)
    return { revision, number: numberOf(pointer), isNew: true, trial: pointer.trial }
  }

  /** Moves, and which replica runs what. Throws `registry_…`. */
  async view(): Promise<FleetView> {
    return this.#fleet(await this.#store.readPointer())
  }

  /** There is nothing to try of what most replicas run. */
  async #pointerTo(
    revision: string | null,
    reading: PointerReading,
    { staged, mover }: { readonly staged: Staging | undefined; readonly mover: Mover },
  ): Promise<Pointer> {
    const { pointer } = reading
    if (!staged || pointer?.revision === revision) return moved(pointer, revision, mover)
    return tried(pointer, planTrial(revision, staged, await this.#fleet(reading)), { ...mover, kind: 'trial' })
  }

  async #fleet(reading: PointerReading): Promise<FleetView> {
    const { registry, prefix } = this.#deps
    return fleetView(reading, await livingReplicas(registry, prefix))
  }

  async #check(candidate: Candidate, pointer: Pointer | null): Promise<Checked> {
    const { parser, env, running } = this.#deps
    const content = await this.#contentOf(candidate, pointer)
    if (content === null) return { content, assembly: running.withRevision(null) }
    const placeOf = (name: string): string => ('files' in candidate ? name : `${shortId(content.id)}/${name}`)
    const parsed = await loadRevision(content, { parser, env, placeOf, before: running.revision ?? running.file })
    if (!parsed.ok) throw new ConfigError(parsed.problems)
    const assembly = running.withRevision(parsed.value)
    if (assembly.fileProblems.length > 0) throw new ConfigError(assembly.fileProblems)
    return { content, assembly }
  }

  async #contentOf(candidate: Candidate, pointer: Pointer | null): Promise<RevisionContent | null> {
    if ('files' in candidate) return contentWithinLimits(candidate.files)
    const id = findRevision(candidate.revision, pointer)
    return id === null ? null : this.#store.read(id)
  }

  async #move(pointer: Pointer, { index }: PointerReading): Promise<void> {
    if (await this.#store.movePointer(pointer, index)) return
    const now = await this.#store.readPointer()
    // The answer to our own write may have been lost, and the client has tried again.
    if (isSameMove(now.pointer?.moves[0], pointer.moves[0])) return
    throw conflict(now.pointer)
  }

  async #prune(pointer: Pointer): Promise<void> {
    const { registry, prefix, logger } = this.#deps
    try {
      const inUse = (await livingReplicas(registry, prefix)).flatMap((report) => sectionOf(report)?.running ?? [])
      await this.#store.prune(pointer, inUse)
    } catch (error) {
      // What is left now goes with the next move.
      logger.debug({ event: 'revision.unpruned', error: messageOf(error) }, 'old revisions could not be taken out')
    }
  }

  async #webSockets(after: HotConfig): Promise<{ readonly webSockets: number; readonly webSocketsClosing: number }> {
    const [before, next] = [configuredBy(this.#deps.running.hot), configuredBy(after)]
    let [webSockets, webSocketsClosing] = [0, 0]
    for (const [name, count] of await this.#deps.tunnels()) {
      const known = before.get(name)
      const stays = known === undefined || JSON.stringify(next.get(name)?.source) === JSON.stringify(known.source)
      webSockets += count
      if (!stays) webSocketsClosing += count
    }
    return { webSockets, webSocketsClosing }
  }
}

function contentWithinLimits(files: readonly RevisionFile[]): RevisionContent {
  const content = contentOf(files)
  const bytes = sizeOf(content)
  if (bytes <= MAX_REVISION_BYTES) return content
  throw new GatewayError('usage', `the files have ${bytes} bytes together, at most ${MAX_REVISION_BYTES} can be one revision`)
}

function numberOf(pointer: Pointer | null): number {
  return pointer?.moves[0]?.number ?? 0
}

function refuseConflict({ pointer, isDamaged }: PointerReading, base: number | undefined): void {
  if (base === undefined || isDamaged || numberOf(pointer) === base) return
  throw conflict(pointer)
}

function conflict(pointer: Pointer | null): GatewayError {
  const move = pointer?.moves[0]
  const who = move ? `${move.author} has made move ${move.number} (${move.kind} of ${nameOf(move)}) at ${move.at}` : 'it is gone'
  const why = move?.reason ? `: ${move.reason}` : ''
  return new GatewayError(
    'revision_conflict',
    `the config was changed meanwhile, ${who}${why}; look at the difference and try again`,
  )
}

function nameOf({ revision }: Move): string {
  return revision === null ? 'the config files' : shortId(revision)
}

function isSameMove(left: Move | undefined, right: Move | undefined): boolean {
  return left !== undefined && JSON.stringify(left) === JSON.stringify(right)
}
