import { z } from 'zod'
import { GatewayError } from '../../errors.ts'
import type { Trial } from '../revisions/pointer.ts'
import type { FleetView } from '../revisions/revision-report.ts'

/** A trial that has to be decided later than this is undone, ms, unless it is watched for half as long or longer. */
const DEADLINE_MS = 60_000

/** Longer than an upstream has for its answer by default: what hangs counts when its time is over, ms. */
const WATCH_MS = 20_000

const longest = 86_400_000
const watchText = 'watch for 1s to 24h (--watch-for)'

/** How a revision is tried, as a request says it. */
export const staging = z
  .strictObject({
    /** How many replicas try it: `2`, or `20%` of the living ones; one at the least, and never all if there are several. */
    share: z
      .string()
      .regex(/^(?:[1-9]\d{0,3}|(?:[1-9]\d?|100)%)$/, 'write a number of replicas, as in 2, or a share of them, as in 20%')
      .default('1'),
    /** How long each of them is watched, ms. */
    watchMs: z.int().min(1_000, watchText).max(longest, watchText).default(WATCH_MS),
    /** Fewer requests of theirs are too few to judge by; 0: time alone decides. */
    minRequests: z.int().min(0).default(50),
    /** What is not decided by then is undone, ms. */
    deadlineMs: z
      .int()
      .max(2 * longest, 'wait for 48h at the most (--deadline)')
      .optional(),
  })
  .transform(({ deadlineMs, ...rest }) => ({ ...rest, deadlineMs: deadlineMs ?? Math.max(DEADLINE_MS, 2 * rest.watchMs) }))
  .refine(
    ({ watchMs, deadlineMs }) => deadlineMs > watchMs,
    'the deadline (--deadline) has to be later than the end of the watch (--watch-for)',
  )

export type Staging = z.output<typeof staging>

/** The trial of a revision by some of the living replicas, the first by name. Throws `not_found` if none can try it. */
export function planTrial(
  revision: string | null,
  { share, ...limits }: Staging,
  { replicas }: Pick<FleetView, 'replicas'>,
): Omit<Trial, 'number'> {
  const able = replicas.flatMap(({ replica, isThere }) => (isThere ? [replica] : []))
  if (able.length === 0)
    throw new GatewayError('not_found', 'no living replica runs what is in force, so none can try it: see meshgate rollout')
  const wanted = share.endsWith('%') ? Math.ceil((able.length * Number.parseInt(share, 10)) / 100) : Number(share)
  return { revision, replicas: able.slice(0, Math.min(wanted, Math.max(1, able.length - 1))), ...limits }
}
