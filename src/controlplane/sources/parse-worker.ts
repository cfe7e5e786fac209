// The thread of `parseAside`: one file, and then it ends.
import { parentPort, workerData } from 'node:worker_threads'
import { problemsOr } from '../../config/problem.ts'
import { documentParsers, type ThreadMessage, type ThreadStart } from './parse-aside.ts'

/** So many routes are taken over in about a millisecond. */
const PART = 200

const { kind, text, fileName, env } = workerData as ThreadStart
const parsed = problemsOr(() => documentParsers[kind](text, fileName, { env }))
const tell = (message: ThreadMessage): void => parentPort?.postMessage(message, [])

if (!parsed.ok) tell({ problems: parsed.problems })
else {
  const { routes } = parsed.value
  let told = 0
  parentPort?.on('message', () => {
    const part = routes.slice(told, told + PART)
    told += part.length
    const isLast = told === routes.length
    tell({ routes: part, isLast })
    if (isLast) parentPort?.close()
  })
  tell({ document: { ...parsed.value, routes: [] } })
}
