import { isDeepStrictEqual } from 'node:util'
import { Worker } from 'node:worker_threads'
import { loadFilterModules } from '../../config/filter-modules.ts'
import { parseFile, type FileDocument } from '../../config/file.ts'
import { problemsOr, type ConfigProblem, type Parsed } from '../../config/problem.ts'
import type { Written, WrittenByKind } from '../../config/written.ts'

/** A shorter file is parsed in a few ms, a thread takes longer to start. */
const MIN_CHARACTERS = 16 * 1024

export interface ParseRequest {
  readonly fileName: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** What the file said before: routes that say the same are taken from there, so that to compare them costs nothing. */
  readonly before: FileDocument
}

/** What the thread is given. */
export interface ThreadStart {
  readonly text: string
  readonly fileName: string
  readonly env: Readonly<Record<string, string | undefined>>
}

type Routes = readonly Written<WrittenByKind['route']>[]

/** What the thread tells: problems; or a document without its routes, and these in parts, each when it is asked for. */
export type ThreadMessage =
  | { readonly problems: readonly ConfigProblem[] }
  | { readonly document: FileDocument }
  | { readonly routes: Routes; readonly isLast: boolean }

/**
 * Parses a config file; a long one in a thread of its own, and takes what it says over in parts, so that 10,000 routes do not hold up what
 * is served meanwhile. A thread that dies is made up for here.
 */
export async function parseAside(text: string, { fileName, env, before }: ParseRequest): Promise<Parsed<FileDocument>> {
  const here = (): Parsed<FileDocument> => problemsOr(() => parseFile(text, fileName, { env }))
  await loadFilterModules(text, fileName, { env })
  // What a module of the config has loaded is known in this thread only.
  if (text.length < MIN_CHARACTERS || text.includes('module')) return here()
  return (await parseInThread({ text, fileName, env: { ...env } }, before)) ?? here()
}

/** Null: the thread has died. */
function parseInThread(start: ThreadStart, before: FileDocument): Promise<Parsed<FileDocument> | null> {
  const known = new Map(before.routes.map(({ value }) => [value.name, value]))
  const worker = new Worker(workerUrl(), { workerData: start })
  worker.unref()
  return new Promise((resolve) => {
    let document: FileDocument | null = null
    const routes: Written<WrittenByKind['route']>[] = []
    worker.on('message', (message: ThreadMessage) => {
      if ('problems' in message) return resolve({ ok: false, problems: message.problems })
      if ('document' in message) document = message.document
      else routes.push(...message.routes.map((route) => shared(route, known)))
      if (document && 'isLast' in message && message.isLast) return resolve({ ok: true, value: { ...document, routes } })
      // In the next turn: several messages that wait would be taken in one.
      setImmediate(() => worker.postMessage('next', []))
    })
    // 'exit' follows.
    worker.on('error', () => {})
    worker.once('exit', () => resolve(null))
  })
}

function shared(
  route: Written<WrittenByKind['route']>,
  known: ReadonlyMap<string, WrittenByKind['route']>,
): Written<WrittenByKind['route']> {
  const before = known.get(route.value.name)
  return before && isDeepStrictEqual(before, route.value) ? { ...route, value: before } : route
}

function workerUrl(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './parse-worker.ts' : './parse-worker.js', import.meta.url)
}
