import type { ConfigProblem } from '../config/problem.ts'
import type { RegisteredRoute } from './claims/settle-claims.ts'
import type { Trial } from './revisions/pointer.ts'
import type { RevisionStanding } from './revisions/revision-source.ts'

/** How one source of config stands. */
export interface SourceStatus {
  /** A file's name, or a KV key as `kv:gateway/routes/hello`. */
  readonly source: string
  /** `applied`: what it says now serves. `refused`: what it says now does not; the last good version does, if there was one. */
  readonly state: 'applied' | 'refused'
  readonly problems: readonly ConfigProblem[]
  /** Only if refused: whether an older version of it serves. */
  readonly servesOlder: boolean
}

/** What `/config` tells. */
export interface ConfigStatus {
  /** Counts applied changes. */
  readonly generation: number
  /** ISO time of the last applied change. */
  readonly appliedAt: string
  readonly file: SourceStatus
  readonly revision: RevisionStanding
  /** Of a revision, by some replicas; null: none is under way. */
  readonly trial: Trial | null
  /** One per config key in KV. */
  readonly entries: readonly SourceStatus[]
  /** Routes that services declare in their registration. */
  readonly registered: readonly RegisteredRoute[]
  readonly warnings: readonly ConfigProblem[]
  /** Parts of the file that differ from what runs and need a restart. */
  readonly needsRestart: readonly string[]
}
