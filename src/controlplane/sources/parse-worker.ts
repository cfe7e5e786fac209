// The thread of `ParseThread`: one text after the other, until it is ended.
import { parentPort } from 'node:worker_threads'
import { problemsOr } from '../../config/problem.ts'
import { documentParsers, type ParseJob, type ThreadMessage, type ThreadOrder } from './parse-thread.ts'

/** So many routes are taken over in about a millisecond. */
const PART = 200

/** What is still to be told of the last text. */
let left: Extract<ThreadMessage, { routes: unknown }>['routes'] = []

function tell(message: ThreadMessage): void {
  parentPort?.postMessage(message, [])
}

function begin({ kind, text, fileName, env }: ParseJob): void {
  const parsed = problemsOr(() => documentParsers[kind](text, fileName, { env }))
  if (!parsed.ok) return tell({ problems: parsed.problems })
  left = parsed.value.routes
  tell({ document: { ...parsed.value, routes: [] } })
}

function goOn(): void {
  const routes = left.slice(0, PART)
  left = left.slice(PART)
  tell({ routes, isLast: left.length === 0 })
}

parentPort?.on('message', (order: ThreadOrder) => (order === 'next' ? goOn() : begin(order)))
