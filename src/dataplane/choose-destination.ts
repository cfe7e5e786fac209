import type { Random } from '../clock.ts'
import type { Asker } from './exchange.ts'
import type { Destination, Route } from './snapshot.ts'

/** Where a request of a route goes: to the destination of the instance that the client is used to, else by the split. */
export function chooseDestination({ to, split, sticky }: Route, asker: Asker, random: Random): Destination {
  const [sole] = to
  if (sole && to.length === 1 && !sticky) return sole
  const open = split.open(asker)
  const known = sticky?.find(asker, open)
  if (known) return known
  const chosen = split.choose(open, asker, random)
  return sticky ? sticky.watch(chosen) : chosen
}
