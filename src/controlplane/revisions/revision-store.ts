import type { Clock } from '../../clock.ts'
import { GatewayError } from '../../errors.ts'
import type { Registry } from '../../registry/registry.ts'
import { joinPieces, MANIFEST, piecesOf, readManifest, shortId, type RevisionContent } from './content.ts'
import { namedBy, pointerKey, readPointer, revisionFolder, type Pointer } from './pointer.ts'

/** A revision that nothing names is younger than this while somebody is about to move the pointer to it, ms. */
const ORPHAN_AFTER_MS = 3_600_000

/** The pointer as it was read. */
export interface PointerReading {
  /** Null: there is none, or none that makes sense. */
  readonly pointer: Pointer | null
  /** What a write has to find unchanged. */
  readonly index: bigint
  readonly isDamaged: boolean
}

export interface RevisionStoreDeps {
  readonly registry: Pick<Registry, 'kv'>
  /** Of our keys in KV. */
  readonly prefix: string
  readonly clock: Clock
}

/** Revisions in KV, and the pointer to the one that serves. Everything throws `registry_…`. */
export class RevisionStore {
  readonly #deps: RevisionStoreDeps

  constructor(deps: RevisionStoreDeps) {
    this.#deps = deps
  }

  async readPointer(): Promise<PointerReading> {
    const { registry, prefix } = this.#deps
    const entry = await registry.kv.get(pointerKey(prefix))
    if (!entry) return { pointer: null, index: 0n, isDamaged: false }
    const pointer = readPointer(entry.value)
    return { pointer, index: entry.modifyIndex, isDamaged: pointer === null }
  }

  /** False: somebody has moved it meanwhile. */
  movePointer(pointer: Pointer, index: bigint): Promise<boolean> {
    const { registry, prefix } = this.#deps
    return registry.kv.put(pointerKey(prefix), JSON.stringify(pointer), { cas: index })
  }

  /** Throws `not_found` for one that is not there or damaged. */
  async read(id: string): Promise<RevisionContent> {
    const { registry, prefix } = this.#deps
    const found = joinPieces(id, await registry.kv.list(revisionFolder(prefix, id)))
    if ('files' in found) return found
    throw new GatewayError('not_found', `revision ${shortId(id)} cannot be used: ${found.damage}`)
  }

  /** Writes what is missing of a revision, or not as it should be. */
  async write(content: RevisionContent): Promise<void> {
    const { registry, prefix, clock } = this.#deps
    const folder = revisionFolder(prefix, content.id)
    const entries = await registry.kv.list(folder)
    if ('files' in joinPieces(content.id, entries)) return
    const present = new Map(entries.map(({ key, value }) => [key, value]))
    for (const [name, value] of piecesOf(content, new Date(clock.now()).toISOString())) {
      if (!present.get(folder + name)?.equals(value)) await registry.kv.put(folder + name, value)
    }
  }

  /** Takes out the revisions that nothing names any more, neither the pointer nor `inUse`. Gives their ids. */
  async prune(pointer: Pointer, inUse: readonly string[]): Promise<readonly string[]> {
    const { registry, prefix, clock } = this.#deps
    const folder = revisionFolder(prefix)
    const kept = new Set([...namedBy(pointer), ...inUse])
    const keys = await registry.kv.keys(folder)
    const byId = Map.groupBy(keys, (key) => key.slice(folder.length).split('/')[0] ?? '')
    const pruned: string[] = []
    for (const [id, own] of byId) {
      if (kept.has(id)) continue
      const head = readManifest((await registry.kv.get(folder + `${id}/${MANIFEST}`))?.value)
      if (head && clock.now() - Date.parse(head.at) < ORPHAN_AFTER_MS) continue
      for (const key of own.toSorted(manifestLast)) await registry.kv.delete(key)
      pruned.push(id)
    }
    return pruned
  }
}

/** While pieces are left, it tells whose they are. */
function manifestLast(left: string, right: string): number {
  return Number(left.endsWith(`/${MANIFEST}`)) - Number(right.endsWith(`/${MANIFEST}`))
}
