import type { Reconciler } from '../reconciler.ts'
import { shortId } from './content.ts'
import { loadRevision, type LoadOptions } from './load-revision.ts'
import { RevisionSource, type RevisionSourceDeps } from './revision-source.ts'

export interface FollowOptions extends Omit<RevisionSourceDeps, 'parse' | 'apply'>, Pick<LoadOptions, 'parser' | 'env'> {
  readonly reconciler: Reconciler
}

/** Has a reconciler take the revisions that the pointer in KV names. Closed by the caller. */
export function followRevisions({ parser, env, reconciler, ...deps }: FollowOptions): RevisionSource {
  return new RevisionSource({
    ...deps,
    parse: (content) => {
      const placeOf = (name: string): string => `${shortId(content.id)}/${name}`
      return loadRevision(content, { parser, env, placeOf, before: reconciler.revision ?? reconciler.file })
    },
    apply: (revision) => reconciler.setRevision(revision),
  }).start()
}
