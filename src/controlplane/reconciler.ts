import type { Clock } from '../clock.ts'
import { assemble, type Assembly } from '../config/assemble.ts'
import type { HotConfig } from '../config/config.ts'
import { parseEntry, type ConfigEntry } from '../config/entry.ts'
import { parseFile, type FileDocument } from '../config/file.ts'
import { ConfigError, type ConfigProblem } from '../config/problem.ts'
import type { Gateway } from '../dataplane/gateway.ts'
import type { Logger } from '../logging.ts'
import { compileSnapshot } from './compile.ts'
import type { ConfigStatus, SourceStatus } from './config-status.ts'
import { changesBetween } from './config-changes.ts'
import type { KvText } from './sources/kv-source.ts'
import type { UpstreamTable } from './upstream-table.ts'

export interface ReconcilerDeps {
  readonly gateway: Gateway
  readonly upstreams: UpstreamTable
  readonly clock: Clock
  readonly logger: Logger
  readonly env: Readonly<Record<string, string | undefined>>
  /** Called with each applied config, after it serves. */
  readonly onApplied: (hot: HotConfig) => void
}

/** One key of config in KV: what it says now, and the last version of it that was good. */
interface KeyState {
  readonly text: string
  readonly latest: ConfigEntry | null
  readonly good: ConfigEntry | null
  readonly problems: readonly ConfigProblem[]
}

/**
 * Turns sources of config into what runs: parse, validate, assemble, compile, one swap. A bad file is refused whole and the last good one
 * stays; a bad KV key keeps its own last good value, the other keys go on.
 */
export class Reconciler {
  readonly #deps: ReconcilerDeps
  readonly #fileName: string
  #file: FileDocument
  #fileProblems: readonly ConfigProblem[] = []
  #keys: ReadonlyMap<string, KeyState> = new Map()
  #applied: { readonly hot: HotConfig; readonly generation: number; readonly at: number; readonly warnings: readonly ConfigProblem[] }

  /** Applies the file that the process was started with. Throws `config_invalid` if it cannot serve. */
  constructor(file: FileDocument, fileName: string, deps: ReconcilerDeps) {
    this.#deps = deps
    this.#fileName = fileName
    this.#file = file
    const assembly = assemble(file, [])
    if (assembly.fileProblems.length > 0) throw new ConfigError(assembly.fileProblems)
    this.#applied = { hot: assembly.hot, generation: 0, at: deps.clock.now(), warnings: [] }
    this.#apply(assembly)
  }

  get hot(): HotConfig {
    return this.#applied.hot
  }

  get generation(): number {
    return this.#applied.generation
  }

  /** Takes a new text of the file. */
  setFileText(text: string): void {
    const parsed = this.#parseFile(text)
    if (parsed instanceof ConfigError) return this.#refuseFile(parsed.problems)
    const assembly = this.#assemble(parsed, this.#keys)
    if (assembly.fileProblems.length > 0) return this.#refuseFile(assembly.fileProblems)
    this.#file = parsed
    this.#fileProblems = []
    this.#apply(assembly)
  }

  /** Tells that the file cannot be read any more: what it said last stays. */
  setFileUnreadable(problem: ConfigProblem): void {
    this.#refuseFile([problem])
  }

  /** Takes the whole set of config entries that KV holds now. */
  setEntries(texts: readonly KvText[]): void {
    const keys = new Map(texts.map((entry) => [entry.key, this.#keyState(entry)]))
    const assembly = this.#assemble(this.#file, keys)
    this.#apply(assembly)
  }

  status(): ConfigStatus {
    const { generation, at, warnings } = this.#applied
    return {
      generation,
      appliedAt: new Date(at).toISOString(),
      file: sourceStatus(this.#fileName, this.#fileProblems, true),
      entries: [...this.#keys].map(([key, { problems, good }]) => sourceStatus(`kv:${key}`, problems, good !== null)),
      warnings,
      needsRestart: this.#file.needsRestart,
    }
  }
}

function sourceStatus(source: string, problems: readonly ConfigProblem[], hasGood: boolean): SourceStatus {
  const refused = problems.length > 0
  return { source, state: refused ? 'refused' : 'applied', problems, servesOlder: refused && hasGood }
}
