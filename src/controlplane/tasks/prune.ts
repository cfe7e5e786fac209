import { z } from 'zod'
import { formatDurationMs, parseDurationMs } from '../../durations.ts'
import { GatewayError } from '../../errors.ts'
import type { Instance } from '../../registry/registry.ts'
import type { PlanContext, TaskContext, TaskKind } from './task-kind.ts'

export interface PruneOptions {
  readonly afterMs: number
}

const afterText = z.string().transform((text, context): number => {
  const durationMs = parseDurationMs(text)
  if (durationMs !== null && durationMs > 0) return durationMs
  context.addIssue({
    code: 'custom',
    message: `"${text}" is not a duration: expected a number above 0 with its unit, as in "1h" or "90s"`,
  })
  return z.NEVER
})

const options = z
  .strictObject({
    after: afterText.describe('An instance is deregistered when it has been critical at every fire for this long.'),
  })
  .transform(({ after }): PruneOptions => ({ afterMs: after }))
  .describe('Deregisters instances that have been critical for a while.')

/** Wall ms since which an instance has been critical at every fire, by `<node>/<id>`. */
const sinceRecord = z.record(z.string(), z.number())

/**
 * Task kind `prune`: deregisters instances that have been critical for longer than `after`. Since when is kept in one KV entry of the task
 * (`<prefix>/critical/<task>`), so that a new leader goes on where the last one stopped. It is known from fire to fire only: an instance
 * that recovers and fails again in between counts as critical all the time.
 */
export const pruneTask: TaskKind<PruneOptions> = {
  options,
  run: async ({ afterMs }, context) => {
    const { key, entry, since, due } = await lookForDue(afterMs, context)
    const { removed, refused } = await remove(due, context)
    for (const instance of removed) since.delete(instanceKey(instance))
    // By compare-and-set: a leader of yesterday must not write over what the present one found.
    await context.registry.kv.put(key, JSON.stringify(Object.fromEntries(since)), { cas: entry?.modifyIndex ?? 0n })
    const said = `deregistered ${report(removed, since.size, afterMs)}`
    if (refused !== null) throw new GatewayError('task_failed', `${said}; the registry refused others: ${refused.message}`)
    return said
  },
  plan: async ({ afterMs }, context) => {
    const { since, due } = await lookForDue(afterMs, context)
    return `deregisters ${report(due, since.size - due.length, afterMs)}`
  },
}

async function lookForDue(afterMs: number, { prefix, task, registry, clock }: PlanContext) {
  const key = `${prefix}/critical/${task}`
  const entry = await registry.kv.get(key)
  const before = entry ? readSince(entry.value.toString('utf8')) : {}
  const now = clock.now()
  const critical = await registry.criticalInstances()
  const since = new Map(critical.map((instance) => [instanceKey(instance), Math.min(before[instanceKey(instance)] ?? now, now)]))
  const due = critical.filter((instance) => now - (since.get(instanceKey(instance)) ?? now) >= afterMs)
  return { key, entry, since, due }
}

interface Removal {
  readonly removed: readonly Instance[]
  /** The first refusal: one instance that may not be taken out must not keep the others in. */
  readonly refused: GatewayError | null
}

async function remove(due: readonly Instance[], { registry, signal }: TaskContext): Promise<Removal> {
  const removed: Instance[] = []
  let refused: GatewayError | null = null
  for (const instance of due) {
    signal.throwIfAborted()
    try {
      await registry.removeInstance(instance)
      removed.push(instance)
    } catch (error) {
      if (!(error instanceof GatewayError) || error.code !== 'registry_refused') throw error
      refused ??= error
    }
  }
  return { removed, refused }
}

function report(removed: readonly Instance[], waiting: number, afterMs: number): string {
  const names = removed.slice(0, 10).map(({ service, id }) => `${service}/${id}`)
  const more = removed.length > names.length ? ` and ${removed.length - names.length} more` : ''
  return `${names.join(', ') || 'nothing'}${more}; ${waiting} critical for less than ${formatDurationMs(afterMs)}`
}

function instanceKey({ node, id }: Instance): string {
  return `${node}/${id}`
}

function readSince(text: string): Readonly<Record<string, number>> {
  try {
    return sinceRecord.parse(JSON.parse(text))
  } catch {
    // Somebody else wrote there. To begin anew delays a prune, and never prunes too early.
    return {}
  }
}
