import { z } from 'zod'
import type { ReplicaReport } from '../replica-status.ts'
import { ALL_ROUTES, type Traffic } from './traffic.ts'

/** The section of a replica's status that tells of its traffic while a trial is on. */
export const TRIAL_SECTION = 'trial'

const count = z.number().min(0)
const rows = z.array(z.object({ route: z.string(), requests: count, failures: count, buckets: z.array(count) }))

const section = z.object({
  /** Of the trial: its move. */
  number: z.int(),
  /** Since when it counts: of one that tries, since it runs the revision; of another one, since it knows of the trial; ms ago. */
  forMs: count,
  traffic: rows,
  /** Of one that tries: from its start, or the last trial, to this one. */
  before: rows,
})

/** What a replica tells of its traffic. */
export interface TrialSection {
  readonly number: number
  readonly forMs: number
  readonly traffic: Traffic
  readonly before: Traffic
}

/** What stands in the status. */
export function writeTrialSection({ number, forMs, traffic, before }: TrialSection): z.output<typeof section> {
  return { number, forMs, traffic: rowsOf(traffic), before: rowsOf(before) }
}

/** What a replica tells of one trial; null: nothing. */
export function trialSectionOf({ sections }: ReplicaReport, number: number): TrialSection | null {
  const { success, data } = section.safeParse(sections[TRIAL_SECTION])
  if (!success || data.number !== number) return null
  return { ...data, traffic: trafficOf(data.traffic), before: trafficOf(data.before) }
}

/** Of all routes together. */
export function totalsOf({ forMs, traffic }: TrialSection): { forMs: number; requests: number; failures: number } {
  const { requests = 0, failures = 0 } = traffic.get(ALL_ROUTES) ?? {}
  return { forMs, requests, failures }
}

function rowsOf(traffic: Traffic): z.output<typeof rows> {
  return [...traffic].map(([route, found]) => ({ route, ...found, buckets: [...found.buckets] }))
}

function trafficOf(found: z.output<typeof rows>): Traffic {
  return new Map(found.map(({ route, ...traffic }) => [route, traffic]))
}
