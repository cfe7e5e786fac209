import type { ReplicaReport } from '../replica-status.ts'
import { totalsOf, trialSectionOf } from '../trials/trial-section.ts'
import { targetOf, type Move, type Pointer, type Trial } from './pointer.ts'
import type { RevisionStanding } from './revision-source.ts'
import type { PointerReading } from './revision-store.ts'

/** The section of a replica's status that tells which revision it runs. */
export const REVISION_SECTION = 'revision'

/** One living replica. */
export interface ReplicaRevision extends RevisionStanding {
  readonly replica: string
  /** It runs what it is to run, by the newest move. */
  readonly isThere: boolean
  /** What it has served since it tries what is on trial; null: it does not. */
  readonly trying: { readonly forMs: number; readonly requests: number; readonly failures: number } | null
}

/** What is in force in the whole fleet, and how it came to that. */
export interface FleetView {
  /** Null: the config files and the keys of KV alone. */
  readonly revision: string | null
  /** Of the newest move; 0: there was none. */
  readonly number: number
  /** Under way. */
  readonly trial: Trial | null
  /** What is in KV in place of the pointer makes no sense. */
  readonly isDamaged: boolean
  /** The newest first. */
  readonly moves: readonly Move[]
  readonly replicas: readonly ReplicaRevision[]
}

/** What a replica tells of its revision; null: nothing. */
export function sectionOf({ sections }: ReplicaReport): RevisionStanding | null {
  const found = sections[REVISION_SECTION] as Partial<RevisionStanding> | undefined
  if (typeof found?.number !== 'number' || found.running === undefined || found.wanted === undefined) return null
  return { number: found.number, wanted: found.wanted, running: found.running, problem: found.problem ?? null }
}

/** Puts together what the pointer and the replicas tell. */
export function fleetView({ pointer, isDamaged }: PointerReading, reports: readonly ReplicaReport[]): FleetView {
  return {
    revision: pointer?.revision ?? null,
    number: pointer?.moves[0]?.number ?? 0,
    trial: pointer?.trial ?? null,
    isDamaged,
    moves: pointer?.moves ?? [],
    replicas: reports.map((report) => replicaOf(report, pointer)).toSorted((a, b) => (a.replica < b.replica ? -1 : 1)),
  }
}

function replicaOf(report: ReplicaReport, pointer: Pointer | null): ReplicaRevision {
  const section = sectionOf(report) ?? { number: 0, wanted: null, running: null, problem: 'it tells nothing of revisions' }
  const target = pointer ? targetOf(pointer, report.replica) : { id: null, number: 0 }
  const isThere = section.problem === null && section.running === target.id && section.number === target.number
  const { trial = null } = pointer ?? {}
  const tried = trial?.replicas.includes(report.replica) ? trialSectionOf(report, trial.number) : null
  return { replica: report.replica, ...section, isThere, trying: tried && totalsOf(tried) }
}
