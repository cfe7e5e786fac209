import type { Clock, Random } from '../../clock.ts'

/** Makes ids that differ within a process by count, and between processes by start and chance. */
export function requestIds(clock: Clock, random: Random): () => string {
  const prefix = `${clock.now().toString(36)}${Math.floor(random() * 36 ** 4).toString(36)}`
  let count = 0
  return () => `${prefix}-${(count++).toString(36)}`
}
