import type { HotDocument } from '../../config/file.ts'
import { problemsOr, type Parsed } from '../../config/problem.ts'
import { joinRevisionFiles } from '../../config/revision.ts'
import type { AsideParser, ParseRequest } from '../sources/parse-aside.ts'
import { shortId, type RevisionContent } from './content.ts'

export interface LoadOptions extends Pick<ParseRequest, 'env' | 'before'> {
  readonly parser: AsideParser
  /** What messages call a file of it. */
  readonly placeOf: (fileName: string) => string
}

/** Parses all files of a revision and puts them together. */
export async function loadRevision({ id, files }: RevisionContent, options: LoadOptions): Promise<Parsed<HotDocument>> {
  const { parser, placeOf, env, before } = options
  const parsed = await Promise.all(files.map(({ name, text }) => parser.revision(text, { fileName: placeOf(name), env, before })))
  const problems = parsed.flatMap((file) => (file.ok ? [] : file.problems))
  if (problems.length > 0) return { ok: false, problems }
  const documents = parsed.flatMap((file) => (file.ok ? [file.value] : []))
  return problemsOr(() => joinRevisionFiles(`revision ${shortId(id)}`, documents))
}
