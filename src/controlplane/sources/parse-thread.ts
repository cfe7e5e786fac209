import { isDeepStrictEqual } from 'node:util'
import { Worker } from 'node:worker_threads'
import type { Clock, Timer } from '../../clock.ts'
import { parseFile, type HotDocument } from '../../config/file.ts'
import type { ConfigPlace, ConfigProblem, Parsed } from '../../config/problem.ts'
import { parseRevisionFile } from '../../config/revision.ts'
import type { Written, WrittenByKind } from '../../config/written.ts'

/** A thread that nobody needs for so long ends, ms: it holds memory, and to start one costs as much as to parse 10,000 routes. */
const IDLE_MS = 600_000
/** A text that takes longer is refused, ms: it may be at most 1 MiB, of which a slow machine parses some in a second. */
const LONGEST_PARSE_MS = 60_000

/** What a text can be, and who parses it. */
export const documentParsers = { file: parseFile, revision: parseRevisionFile } as const

export type DocumentKind = keyof typeof documentParsers

export interface ParseJob {
  readonly kind: DocumentKind
  readonly text: string
  readonly fileName: string
  readonly env: Readonly<Record<string, string | undefined>>
}

export type Route = Written<WrittenByKind['route']>
type Routes = readonly Route[]

/** What the thread is told: a text, and after each part of its answer to go on. */
export type ThreadOrder = ThreadJob | 'next'

export interface ThreadJob extends ParseJob {
  /** Whether who asks still has what the last good text said: then of routes that are in it only the index there is told. */
  readonly isAfterLast: boolean
}

/** A route; or where it is in what the last good text said, and its place if that is another one. */
export type ToldRoute = Route | number | { readonly at: number; readonly place: ConfigPlace }

/** What the thread tells: problems; or a document without its routes, and these in parts, each when it is asked for. */
export type ThreadMessage =
  | { readonly problems: readonly ConfigProblem[] }
  | { readonly document: HotDocument }
  | { readonly routes: readonly ToldRoute[]; readonly isLast: boolean }

/**
 * Parses one text after the other in a thread, and takes what they say over in parts, so that 10,000 routes do not hold up what is served
 * meanwhile. The thread starts with the first text and ends when it has been idle for ten minutes. Closed by the owner.
 */
export class ParseThread {
  readonly #clock: Clock
  #worker: Worker | null = null
  /** What the thread has told of its last good text. */
  #told: Routes | null = null
  #idle: Timer | null = null
  #closed = false
  #last: Promise<unknown> = Promise.resolve()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Null: the thread has died. Routes that say what one of `before` says are that one. */
  parse(job: ParseJob, before: Pick<HotDocument, 'routes'>): Promise<Parsed<HotDocument> | null> {
    const turn = this.#last.then(() => this.#run(job, before))
    this.#last = turn
    return turn
  }

  /** What is being parsed comes to its end. */
  close(): void {
    this.#closed = true
    if (this.#idle) this.#end()
  }

  async #run(job: ParseJob, before: Pick<HotDocument, 'routes'>): Promise<Parsed<HotDocument> | null> {
    this.#idle?.cancel()
    this.#idle = null
    const worker = (this.#worker ??= this.#start())
    const isAfterLast = before.routes === this.#told
    const tooLong = { ok: false, problems: [tooLongProblem(job)] } as const
    const parsed = await new Promise<Parsed<HotDocument> | null>((resolve) => {
      const deadline = this.#clock.after(LONGEST_PARSE_MS, () => done(tooLong))
      const onExit = (): void => done(null)
      const onMessage = receiver(worker, { before: before.routes, isAfterLast, done: (told) => done(told) })
      const done = (result: Parsed<HotDocument> | null): void => {
        deadline.cancel()
        worker.off('message', onMessage).off('exit', onExit)
        resolve(result)
      }
      worker.on('message', onMessage).on('exit', onExit)
      worker.postMessage({ ...job, isAfterLast } satisfies ThreadOrder, [])
    })
    if (parsed?.ok) this.#told = parsed.value.routes
    if (parsed === tooLong || this.#closed) this.#end()
    else this.#idle = this.#clock.after(IDLE_MS, () => this.#end())
    return parsed
  }

  #start(): Worker {
    const worker = new Worker(
      new URL(import.meta.url.endsWith('.ts') ? './parse-worker.ts' : './parse-worker.js', import.meta.url),
    )
    worker.unref()
    this.#told = null
    // 'exit' follows.
    worker.on('error', () => {})
    worker.once('exit', () => {
      if (this.#worker === worker) this.#worker = null
    })
    return worker
  }

  #end(): void {
    this.#idle?.cancel()
    this.#idle = null
    void this.#worker?.terminate()
    this.#worker = null
  }
}

interface Receiving {
  readonly before: Routes
  readonly isAfterLast: boolean
  readonly done: (parsed: Parsed<HotDocument>) => void
}

/** Puts together what the thread tells of one text. */
function receiver(worker: Worker, { before, isAfterLast, done }: Receiving): (message: ThreadMessage) => void {
  const routeOf = isAfterLast ? toldRoute(before) : sharedRoute(before)
  let document: HotDocument | null = null
  const routes: Route[] = []
  return (message) => {
    if ('problems' in message) return done({ ok: false, problems: message.problems })
    if ('document' in message) document = message.document
    else routes.push(...message.routes.map(routeOf))
    if (document && 'isLast' in message && message.isLast) return done({ ok: true, value: { ...document, routes } })
    // In the next turn: several messages that wait would be taken in one.
    setImmediate(() => worker.postMessage('next' satisfies ThreadOrder, []))
  }
}

/** A route that the thread has compared with those of before. */
function toldRoute(before: Routes): (told: ToldRoute) => Route {
  return (told) => {
    if (typeof told === 'object' && 'value' in told) return told
    const { at, place } = typeof told === 'number' ? { at: told, place: null } : told
    const known = before[at]
    if (!known) throw new Error(`the thread that parses names route ${at} of ${before.length}`)
    return place ? { ...known, place } : known
  }
}

/** A route of a thread that does not know those of before. */
function sharedRoute(before: Routes): (told: ToldRoute) => Route {
  const known = new Map(before.map(({ value }) => [value.name, value]))
  return (told) => {
    const route = told as Route
    const value = known.get(route.value.name)
    return value && isDeepStrictEqual(value, route.value) ? { ...route, value } : route
  }
}

function tooLongProblem({ fileName }: ParseJob): ConfigProblem {
  const message = `was not parsed within ${LONGEST_PARSE_MS / 1000} s: make it shorter, or give the gateway more of the processor`
  return { file: fileName, line: 1, column: 1, path: '', message }
}
