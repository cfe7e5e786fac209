// The thread of `ParseThread`: one text after the other, until it is ended.
import { setPriority } from 'node:os'
import { isDeepStrictEqual } from 'node:util'
import { parentPort } from 'node:worker_threads'
import { problemsOr } from '../../config/problem.ts'
import {
  documentParsers,
  type Route,
  type ThreadJob,
  type ThreadMessage,
  type ThreadOrder,
  type ToldRoute,
} from './parse-thread.ts'

/** So many routes are taken over in about a millisecond. */
const PART = 200

// Where each thread has a priority of its own (setpriority(2), "C library/kernel differences"): what is served goes before what will be,
// and leaves a quarter to this thread of a processor that both want.
if (process.platform === 'linux') setPriority(5)

/** What the last good text said. */
let last: readonly Route[] = []
/** What is still to be told of it. */
let left: readonly ToldRoute[] = []

function tell(message: ThreadMessage): void {
  parentPort?.postMessage(message, [])
}

function begin({ kind, text, fileName, env, isAfterLast }: ThreadJob): void {
  const parsed = problemsOr(() => documentParsers[kind](text, fileName, { env }))
  if (!parsed.ok) return tell({ problems: parsed.problems })
  const { routes } = parsed.value
  left = isAfterLast ? routes.map(knownBy(last)) : routes
  last = routes
  tell({ document: { ...parsed.value, routes: [] } })
}

function goOn(): void {
  const routes = left.slice(0, PART)
  left = left.slice(PART)
  tell({ routes, isLast: left.length === 0 })
}

function knownBy(before: readonly Route[]): (route: Route) => ToldRoute {
  const indexes = new Map(before.map(({ value }, at) => [value.name, at]))
  return (route) => {
    const at = indexes.get(route.value.name)
    const known = at === undefined ? undefined : before[at]
    if (at === undefined || !known || !isDeepStrictEqual(known.value, route.value)) return route
    return isDeepStrictEqual(known.place, route.place) ? at : { at, place: route.place }
  }
}

parentPort?.on('message', (order: ThreadOrder) => (order === 'next' ? goOn() : begin(order)))
