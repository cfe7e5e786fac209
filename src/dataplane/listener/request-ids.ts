import type { Clock, Random } from '../../clock.ts'

/** Makes ids that differ within a process by count, between the workers of a gateway by `origin`, and else by start and chance. */
export function requestIds(clock: Clock, random: Random, origin = ''): () => string {
  const prefix = `${clock.now().toString(36)}${Math.floor(random() * 36 ** 4).toString(36)}${origin}`
  let count = 0
  return () => `${prefix}-${(count++).toString(36)}`
}
