import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { contentOf, joinPieces, piecesOf } from '../../../src/controlplane/revisions/content.ts'
import { findRevision } from '../../../src/controlplane/revisions/find-revision.ts'
import { moved, readPointer, type Mover, type Pointer } from '../../../src/controlplane/revisions/pointer.ts'
import { RevisionStore } from '../../../src/controlplane/revisions/revision-store.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { memoryRegistry } from '../memory-registry.ts'

const at = '2026-01-01T00:00:00.000Z'
const mover: Mover = { kind: 'apply', author: 'ann', reason: '', at }
const content = (text: string) => contentOf([{ name: 'a.yaml', text }])

function pointerOver(...revisions: readonly (string | null)[]): Pointer {
  const last = revisions.reduce<Pointer | null>((pointer, revision) => moved(pointer, revision, mover), null)
  assert.ok(last)
  return last
}

describe('the content of a revision', () => {
  it('has one id for the same files, and another one for any other', () => {
    assert.equal(content('x').id, content('x').id)
    const others = [content('y'), contentOf([{ name: 'b.yaml', text: 'x' }]), contentOf([])]
    assert.equal(new Set([content('x'), ...others].map(({ id }) => id)).size, 4)
  })

  it('is put together of its pieces in any order, and any damage is noticed', () => {
    const large = content(`${'é'.repeat(700_000)}\u0000"\\`)
    const entries = [...piecesOf(large, at)].map(([name, value]) => ({ key: `p/${large.id}/${name}`, value }))
    assert.ok(entries.every(({ value }) => value.length <= 512 * 1024))
    assert.deepEqual(joinPieces(large.id, entries.toReversed()), large)
    for (const missing of entries.keys()) assert.ok('damage' in joinPieces(large.id, entries.toSpliced(missing, 1)))
    for (const [n, { key, value }] of entries.entries()) {
      const changed = Buffer.from(value)
      changed[changed.length >> 1] = (changed[changed.length >> 1] ?? 0) ^ 1
      const found = joinPieces(large.id, entries.with(n, { key, value: changed }))
      // Of the manifest only the time may be another.
      assert.ok('damage' in found || n === 0, `piece ${n}`)
    }
  })
})

describe('the store of revisions', () => {
  it('moves the pointer only if nobody else has', async () => {
    const store = new RevisionStore({ registry: memoryRegistry(), prefix: 'g', clock: new ManualClock() })
    const first = await store.readPointer()
    assert.equal(await store.movePointer(pointerOver('a'.repeat(64)), first.index), true)
    assert.equal(await store.movePointer(pointerOver('b'.repeat(64)), first.index), false)
    assert.equal((await store.readPointer()).pointer?.revision, 'a'.repeat(64))
  })

  it('takes out what no move names and no replica runs, but not what has just been written', async () => {
    const clock = new ManualClock()
    const store = new RevisionStore({ registry: memoryRegistry(), prefix: 'g', clock })
    const [named, used, old, young] = ['named', 'used', 'old', 'young'].map(content)
    assert.ok(named && used && old && young)
    for (const revision of [named, used, old]) await store.write(revision)
    clock.advanceSync(2 * 3_600_000)
    await store.write(young)
    assert.deepEqual(await store.prune(pointerOver(named.id), [used.id]), [old.id])
    for (const kept of [named, used, young]) assert.deepEqual(await store.read(kept.id), kept)
    await assert.rejects(store.read(old.id), { code: 'not_found', message: /cannot be used: it is not there/ })
  })

  it('writes what is missing of a revision that is there in part', async () => {
    const registry = memoryRegistry()
    const store = new RevisionStore({ registry, prefix: 'g', clock: new ManualClock() })
    const large = content('x'.repeat(900_000))
    await store.write(large)
    await registry.kv.delete(`g/config/revisions/${large.id}/0002`)
    await assert.rejects(store.read(large.id), { message: /only 2 of its 3 pieces are there/ })
    await store.write(large)
    assert.deepEqual(await store.read(large.id), large)
  })
})

describe('the pointer', () => {
  it('remembers the last 50 moves and counts on', () => {
    const pointer = pointerOver(...Array.from({ length: 60 }, () => null))
    assert.deepEqual([pointer.moves.length, pointer.moves[0]?.number, pointer.moves.at(-1)?.number], [50, 60, 11])
    assert.deepEqual(readPointer(Buffer.from(JSON.stringify(pointer))), pointer)
  })

  it('that is none is told from one', () => {
    for (const text of ['', '{}', '[]', '{"revision":"x"}', JSON.stringify({ ...pointerOver(null), moves: [] })])
      assert.equal(readPointer(Buffer.from(text)), null)
  })
})

describe('a revision is found', () => {
  const [a, b, a2] = ['a'.repeat(64), 'b'.repeat(64), `${'a'.repeat(63)}0`]
  it('by the number of a move, by the start of its id, or as the one before', () => {
    const pointer = pointerOver(a, b)
    assert.equal(findRevision('1', pointer), a)
    assert.equal(findRevision('bbbb', pointer), b)
    assert.equal(findRevision(null, pointer), a)
    assert.equal(findRevision(null, pointerOver(a)), null)
    assert.equal(findRevision(null, pointerOver(a, b, b)), a)
  })

  it('or what is wrong is said', () => {
    const cases: readonly (readonly [string | null, Pointer | null, RegExp])[] = [
      [null, null, /no revision has ever been applied/],
      ['3', pointerOver(a), /no revision or move "3"/],
      ['bbbb', pointerOver(a), /meshgate history lists them/],
      ['aaaa', pointerOver(a, a2), /several revisions: aaaaaaaaaaaa, aaaaaaaaaaaa/],
      [null, pointerOver(null), /none was before/],
    ]
    for (const [text, pointer, message] of cases) assert.throws(() => findRevision(text, pointer), { code: 'not_found', message })
  })
})
