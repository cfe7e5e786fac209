import { isDeepStrictEqual } from 'node:util'
import { Worker } from 'node:worker_threads'
import { loadFilterModules } from '../../config/filter-modules.ts'
import { parseFile, type FileDocument, type HotDocument } from '../../config/file.ts'
import type { InterpolationContext } from '../../config/interpolate.ts'
import { problemsOr, type ConfigProblem, type Parsed } from '../../config/problem.ts'
import { parseRevisionFile } from '../../config/revision.ts'
import type { Written, WrittenByKind } from '../../config/written.ts'

/** A shorter file is parsed in a few ms, a thread takes longer to start. */
const MIN_CHARACTERS = 16 * 1024

/** What a text can be, and who parses it. */
export const documentParsers = { file: parseFile, revision: parseRevisionFile } as const

export type DocumentKind = keyof typeof documentParsers

export interface ParseRequest {
  readonly fileName: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** What the file said before: routes that say the same are taken from there, so that to compare them costs nothing. */
  readonly before: Pick<HotDocument, 'routes'>
}

/** What the thread is given. */
export interface ThreadStart {
  readonly kind: DocumentKind
  readonly text: string
  readonly fileName: string
  readonly env: Readonly<Record<string, string | undefined>>
}

type Routes = readonly Written<WrittenByKind['route']>[]

/** What the thread tells: problems; or a document without its routes, and these in parts, each when it is asked for. */
export type ThreadMessage =
  | { readonly problems: readonly ConfigProblem[] }
  | { readonly document: HotDocument }
  | { readonly routes: Routes; readonly isLast: boolean }

/**
 * Parses a config file; a long one in a thread of its own, and takes what it says over in parts, so that 10,000 routes do not hold up what
 * is served meanwhile. A thread that dies is made up for here.
 */
export async function parseAside(text: string, request: ParseRequest): Promise<Parsed<FileDocument>> {
  await loadFilterModules(text, request.fileName, request)
  return parse<FileDocument>('file', text, request)
}

/** Parses one file of a revision like {@link parseAside}. Of modules it can use those that the config file has loaded. */
export function parseRevisionAside(text: string, request: ParseRequest): Promise<Parsed<HotDocument>> {
  return parse<HotDocument>('revision', text, request)
}

async function parse<T extends HotDocument>(
  kind: DocumentKind,
  text: string,
  { fileName, env, before }: ParseRequest,
): Promise<Parsed<T>> {
  const parser = documentParsers[kind] as unknown as (text: string, name: string, context: InterpolationContext) => T
  const here = (): Parsed<T> => problemsOr(() => parser(text, fileName, { env }))
  // What a module of the config has loaded is known in this thread only.
  if (text.length < MIN_CHARACTERS || text.includes('module')) return here()
  return ((await parseInThread({ kind, text, fileName, env: { ...env } }, before)) as Parsed<T> | null) ?? here()
}

/** Null: the thread has died. */
function parseInThread(start: ThreadStart, before: Pick<HotDocument, 'routes'>): Promise<Parsed<HotDocument> | null> {
  const known = new Map(before.routes.map(({ value }) => [value.name, value]))
  const worker = new Worker(workerUrl(), { workerData: start })
  worker.unref()
  return new Promise((resolve) => {
    let document: HotDocument | null = null
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
