import { isDeepStrictEqual } from 'node:util'
import type { Clock, Random } from '../clock.ts'
import { assemble, type Assembly, type ConfigLayers } from '../config/assemble.ts'
import type { HotConfig } from '../config/config.ts'
import { parseEntry } from '../config/entry.ts'
import type { ServiceClaims } from '../config/claimed-routes.ts'
import { changedCold, parseFile, type FileDocument, type HotDocument } from '../config/file.ts'
import type { InterpolationContext } from '../config/interpolate.ts'
import { layered } from '../config/layers.ts'
import { ConfigError, formatProblem, problemsOr, type ConfigProblem, type Parsed } from '../config/problem.ts'
import type { Gateway } from '../dataplane/gateway.ts'
import type { Logger } from '../logging.ts'
import { settleClaims, type RegisteredRoute } from './claims/settle-claims.ts'
import { tellClaims } from './claims/tell-claims.ts'
import { SnapshotCompiler } from './compile.ts'
import type { ConfigStatus, SourceStatus } from './config-status.ts'
import { RunningFilters } from './running-filters.ts'
import { settleKeys, sourceOf, type KeyState, type Keys } from './settle-keys.ts'
import { kvFolders, type KvText } from './sources/kv-source.ts'
import type { UpstreamTable } from '../discovery/upstream-table.ts'

export interface ReconcilerDeps {
  readonly gateway: Gateway
  readonly upstreams: UpstreamTable
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly context: InterpolationContext
}

/** What serves now. */
interface Applied {
  readonly hot: HotConfig
  readonly layers: ConfigLayers
  readonly generation: number
  readonly at: number
  readonly warnings: readonly ConfigProblem[]
}

/** The sources put together. */
interface Settled {
  readonly assembly: Assembly
  readonly keys: Keys
  readonly registered: readonly RegisteredRoute[]
}

/**
 * Turns sources of config into what runs: parse, validate, assemble, compile, one swap. A bad file is refused whole and the last good one
 * stays; a bad KV key keeps its own last good value, the other keys go on. What services claim lies below all of it.
 */
export class Reconciler {
  /** Called with each applied config, after it serves. */
  onApplied: ((hot: HotConfig) => void) | null = null
  readonly #deps: ReconcilerDeps
  readonly #filters: RunningFilters
  readonly #compiler = new SnapshotCompiler()
  readonly #fileName: string
  /** The file that the process started with: what is cold runs as it says. */
  readonly #started: FileDocument
  #file: FileDocument
  /** Lies above the file; null: none. */
  #revision: HotDocument | null = null
  #fileProblems: readonly ConfigProblem[] = []
  #keys: Keys = new Map()
  #claims: readonly ServiceClaims[] = []
  #registered: readonly RegisteredRoute[] = []
  #applied: Applied

  /** Applies the file that the process was started with. Throws `config_invalid` if it cannot serve. */
  constructor(file: FileDocument, fileName: string, deps: ReconcilerDeps) {
    this.#deps = deps
    this.#filters = new RunningFilters(deps)
    this.#fileName = fileName
    this.#started = file
    this.#file = file
    const assembly = assemble(file, [])
    if (assembly.fileProblems.length > 0) throw new ConfigError(assembly.fileProblems)
    this.#applied = { hot: assembly.hot, layers: assembly.layers, generation: 0, at: deps.clock.now(), warnings: [] }
    this.#apply(assembly, fileName)
  }

  /** What the file said when it was good last. */
  get file(): FileDocument {
    return this.#file
  }

  /** What the revision says that is in force; null: none is. */
  get revision(): HotDocument | null {
    return this.#revision
  }

  get hot(): HotConfig {
    return this.#applied.hot
  }

  /** What the applied config was put together of. */
  get layers(): ConfigLayers {
    return this.#applied.layers
  }

  get generation(): number {
    return this.#applied.generation
  }

  /** Takes a new text of the file. */
  setFileText(text: string): void {
    this.setFile(problemsOr(() => parseFile(text, this.#fileName, this.#deps.context)))
  }

  /** Takes what a new text of the file says. */
  setFile(parsed: Parsed<FileDocument>): void {
    if (!parsed.ok) return this.#refuseFile(parsed.problems)
    const settled = this.#settle({ file: parsed.value })
    if (settled.assembly.fileProblems.length > 0) return this.#refuseFile(settled.assembly.fileProblems)
    this.#file = parsed.value
    this.#fileProblems = []
    this.#tellRestart()
    if (!this.#take(settled, this.#fileName))
      this.#deps.logger.info({ event: 'config.unchanged' }, `${this.#fileName} says what is applied already`)
  }

  /** Tells that the file cannot be read any more: what it said last stays. */
  setFileUnreadable(message: string): void {
    this.#refuseFile([{ file: this.#fileName, line: 1, column: 1, path: '', message }])
  }

  /**
   * Takes what a revision says, whole, above the file and below the entries of KV; null: none. Gives what is wrong with it beside this
   * gateway's file: then nothing has changed.
   */
  setRevision(revision: HotDocument | null): readonly ConfigProblem[] {
    const settled = this.#settle({ revision })
    if (settled.assembly.fileProblems.length > 0) return settled.assembly.fileProblems
    this.#revision = revision
    this.#take(settled, revision?.name ?? this.#fileName)
    return []
  }

  /** What would serve with another revision. */
  withRevision(revision: HotDocument | null): Assembly {
    return this.#settle({ revision }).assembly
  }

  /** Takes the whole set of config entries that KV holds now; of two that exclude each other the earlier one stays. */
  setEntries(texts: readonly KvText[]): void {
    const keys = new Map(texts.map((entry) => [entry.key, this.#read(entry)]))
    this.#take(this.#settle({ keys }), 'kv')
  }

  /** Takes all that services claim now. */
  setClaims(claims: readonly ServiceClaims[]): void {
    this.#claims = claims
    this.#take(this.#settle({}), 'registry')
  }

  /** Ends what filters hold; to be called when nothing is served any more. */
  close(): void {
    this.#filters.close()
  }

  status(): Omit<ConfigStatus, 'revision' | 'trial'> {
    const { generation, at, warnings } = this.#applied
    return {
      generation,
      appliedAt: new Date(at).toISOString(),
      file: sourceStatus(this.#fileName, this.#fileProblems, true),
      entries: [...this.#keys].map(([key, { problems, served }]) => sourceStatus(sourceOf(key), problems, served !== null)),
      registered: this.#registered,
      warnings,
      needsRestart: changedCold(this.#started, this.#file),
    }
  }

  #read({ folder, name, key, text }: KvText): KeyState {
    const known = this.#keys.get(key)
    if (known && known.text === text) return known
    const parsed = problemsOr(() => parseEntry(kvFolders[folder], name, { text, source: sourceOf(key) }, this.#deps.context))
    const before = { lastGood: known?.lastGood ?? null, served: known?.served ?? null, problems: [] }
    return parsed.ok
      ? { ...before, text, latest: parsed.value, unparsed: [] }
      : { ...before, text, latest: null, unparsed: parsed.problems }
  }

  /** What serves with other sources than the present ones. */
  #settle({
    file = this.#file,
    revision = this.#revision,
    keys = this.#keys,
  }: {
    readonly file?: FileDocument
    readonly revision?: HotDocument | null
    readonly keys?: Keys
  }): Settled {
    const base = over(file, revision)
    const settled = settleKeys(base, keys)
    const rules = file.registeredRoutes
    return { keys: settled.keys, ...settleClaims(base, settled.assembly, { claims: this.#claims, rules }) }
  }

  /** Whether anything was to be applied. */
  #take({ assembly, keys, registered }: Settled, source: string): boolean {
    this.#tellRefused(keys)
    this.#keys = keys
    tellClaims(this.#deps.logger, this.#registered, registered)
    this.#registered = registered
    if (!sameConfig(this.#applied.hot, assembly.hot)) {
      this.#apply(assembly, source)
      return true
    }
    this.#tellWarnings(assembly.warnings)
    this.#applied = { ...this.#applied, layers: assembly.layers, warnings: assembly.warnings }
    return false
  }

  #apply(assembly: Assembly, source: string): void {
    const { gateway, upstreams, clock, logger } = this.#deps
    const generation = this.#applied.generation + 1
    const filters = this.#filters.reconcile(assembly.hot)
    const running = upstreams.reconcile(assembly.hot)
    gateway.snapshot = this.#compiler.compile(assembly.hot, generation, { upstreamOf: running.find, filtersOf: filters.find })
    this.#tellWarnings(assembly.warnings)
    this.#applied = { hot: assembly.hot, layers: assembly.layers, generation, at: clock.now(), warnings: assembly.warnings }
    running.retire()
    filters.retire()
    const { routes, tasks } = assembly.hot
    logger.info(
      { event: 'config.applied', generation, source, routes: routes.length, tasks: tasks.length },
      `config ${generation} applied (from ${source}): ${routes.length} routes, ${tasks.length} tasks`,
    )
    this.onApplied?.(assembly.hot)
  }

  /** Those that were not there before. */
  #tellWarnings(warnings: readonly ConfigProblem[]): void {
    const told = new Set(this.#applied.warnings.map(formatProblem))
    for (const warning of warnings) {
      const text = formatProblem(warning)
      if (!told.has(text)) this.#deps.logger.warn({ event: 'config.warning', ...warning }, text)
    }
  }

  #refuseFile(problems: readonly ConfigProblem[]): void {
    this.#fileProblems = problems
    this.#logRefusal(this.#fileName, problems)
  }

  #tellRefused(keys: Keys): void {
    for (const [key, { text, problems }] of keys) {
      const known = this.#keys.get(key)
      const isTold = known?.text === text && isDeepStrictEqual(known.problems, problems)
      if (problems.length > 0 && !isTold) this.#logRefusal(sourceOf(key), problems)
    }
  }

  #logRefusal(source: string, problems: readonly ConfigProblem[]): void {
    for (const problem of problems) {
      this.#deps.logger.error(
        { event: 'config.refused', source, ...problem },
        `refused, what served before goes on: ${formatProblem(problem)}`,
      )
    }
  }

  #tellRestart(): void {
    const changed = changedCold(this.#started, this.#file)
    if (changed.length === 0) return
    this.#deps.logger.warn(
      { event: 'config.needs_restart', changed },
      `changes of ${changed.join(', ')} need a restart; the rest is applied`,
    )
  }
}

function over(file: FileDocument, revision: HotDocument | null): HotDocument {
  return revision ? layered(file, revision) : file
}

function sameConfig(left: HotConfig, right: HotConfig): boolean {
  return isDeepStrictEqual(contentOf(left), contentOf(right))
}

function contentOf(hot: HotConfig): object {
  const { routes, upstreams, tasks, mesh } = hot
  return { routes, upstreams, tasks, mesh, defaults: hot.defaultUpstream('any') }
}

function sourceStatus(source: string, problems: readonly ConfigProblem[], hasGood: boolean): SourceStatus {
  const refused = problems.length > 0
  return { source, state: refused ? 'refused' : 'applied', problems, servesOlder: refused && hasGood }
}
