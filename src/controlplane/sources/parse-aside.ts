import type { Clock } from '../../clock.ts'
import { loadNamedModules } from '../../config/named-modules.ts'
import type { FileDocument, HotDocument } from '../../config/file.ts'
import type { InterpolationContext } from '../../config/interpolate.ts'
import { problemsOr, type Parsed } from '../../config/problem.ts'
import { documentParsers, ParseThread, type DocumentKind } from './parse-thread.ts'

/** A shorter file is parsed in a few ms, a thread takes longer to start. */
const MIN_CHARACTERS = 16 * 1024

export interface ParseRequest {
  readonly fileName: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** What the file said before: routes that say the same are taken from there, so that to compare them costs nothing. */
  readonly before: Pick<HotDocument, 'routes'>
}

/** Parses config: a short text at once, a long one in a thread. A thread that dies is made up for here. Closed by the owner. */
export class AsideParser {
  readonly #thread: ParseThread

  constructor(clock: Clock) {
    this.#thread = new ParseThread(clock)
  }

  async file(text: string, request: ParseRequest): Promise<Parsed<FileDocument>> {
    await loadNamedModules(text, request.fileName, request)
    return this.#parse<FileDocument>('file', text, request)
  }

  /** Of modules a revision can use those that the config file has loaded. */
  revision(text: string, request: ParseRequest): Promise<Parsed<HotDocument>> {
    return this.#parse<HotDocument>('revision', text, request)
  }

  close(): void {
    this.#thread.close()
  }

  async #parse<T extends HotDocument>(
    kind: DocumentKind,
    text: string,
    { fileName, env, before }: ParseRequest,
  ): Promise<Parsed<T>> {
    const parser = documentParsers[kind] as unknown as (text: string, name: string, context: InterpolationContext) => T
    const here = (): Parsed<T> => problemsOr(() => parser(text, fileName, { env }))
    // What a module of the config has loaded is known in this thread only.
    if (text.length < MIN_CHARACTERS || text.includes('module')) return here()
    return ((await this.#thread.parse({ kind, text, fileName, env: { ...env } }, before)) as Parsed<T> | null) ?? here()
  }
}
