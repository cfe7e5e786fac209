import { whereText } from '../dataplane/upstream/where.ts'
import type { RouteShare } from './config.ts'

/** What a destination of a route is called: no two of one route alike. One of a subset needs a name that is written to be named by anybody. */
export function shareName({ name, upstream, where }: RouteShare): string {
  return name ?? (where ? `${upstream} where ${whereText(where)}` : upstream)
}
