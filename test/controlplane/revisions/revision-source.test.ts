import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { contentOf, piecesOf, type RevisionContent } from '../../../src/controlplane/revisions/content.ts'
import { followRevisions } from '../../../src/controlplane/revisions/follow-revisions.ts'
import { moved, tried, untried, type Mover, type Pointer } from '../../../src/controlplane/revisions/pointer.ts'
import { AsideParser } from '../../../src/controlplane/sources/parse-aside.ts'
import type { KvEntry, Registry, WatchListener } from '../../../src/registry/registry.ts'
import { GatewayError } from '../../../src/errors.ts'
import { requestHead } from '../../support/request-head.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { until } from '../../support/until.ts'
import { startControlPlane } from '../control-plane.ts'

const CURRENT = 'gateway/config/current'
const mover: Mover = { kind: 'apply', author: 'ann', reason: '', at: '2026-01-01T00:00:00.000Z' }

function revision(route: string): RevisionContent {
  return contentOf([{ name: 'routes.yaml', text: `routes: [{ name: ${route}, match: { path: /${route} }, to: ${route} }]` }])
}

function entry(key: string, value: string | Buffer): KvEntry {
  const rest = { flags: 0n, session: null, lockIndex: 0n, createIndex: 1n, modifyIndex: 1n }
  return { key, value: Buffer.from(value as string), ...rest }
}

/** A source whose registry a test plays. */
function start(file = 'routes: [/file -> file]') {
  const plane = startControlPlane(file, { clock: new ManualClock() })
  const watches = new Map<string, WatchListener<readonly KvEntry[]>>()
  const watchPrefix: Registry['watchPrefix'] = (prefix, listener) => {
    watches.set(prefix, listener)
    return { freshSince: 0, close: () => watches.get(prefix) === listener && watches.delete(prefix) }
  }
  const { reconciler, log } = plane
  const source = followRevisions({
    registry: { watchPrefix },
    prefix: 'gateway',
    parser: new AsideParser(new ManualClock()),
    env: {},
    reconciler,
    logger: log.logger,
  })
  const point = (pointer: Pointer): void => watches.get(CURRENT)?.onValue([entry(CURRENT, JSON.stringify(pointer))])
  const write = (content: RevisionContent, pieces = piecesOf(content, mover.at)): void => {
    const folder = `gateway/config/revisions/${content.id}/`
    watches.get(folder)?.onValue([...pieces].map(([name, value]) => entry(folder + name, value)))
  }
  return {
    ...plane,
    source,
    watches,
    point,
    write,
    takes: (path: string) => plane.gateway.snapshot.router.find(requestHead({ path }))?.name ?? null,
    runs: (content: RevisionContent) => until('it runs', () => source.standing.running === content.id),
    close: async () => {
      source.close()
      await plane.close()
    },
  }
}

describe('a replica that follows the pointer', () => {
  it('applies a revision whole, above the file, and what it says is gone with the next one', async (t) => {
    const replica = start()
    t.after(() => replica.close())
    const [a, b] = [revision('a'), revision('b')]
    const first = moved(null, a.id, mover)
    replica.point(first)
    assert.equal(replica.source.state, 'awaited')
    replica.write(a)
    await replica.runs(a)
    assert.deepEqual([replica.takes('/a'), replica.takes('/file'), replica.source.state], ['a', '/file', 'known'])
    replica.point(moved(first, b.id, mover))
    assert.equal(replica.takes('/a'), 'a')
    replica.write(b)
    await replica.runs(b)
    assert.deepEqual([replica.takes('/a'), replica.takes('/b'), replica.source.standing.number], [null, 'b', 2])
    // Of the former one nothing is followed, or kept on disk, any more.
    assert.deepEqual([...replica.watches.keys()], [CURRENT, `gateway/config/revisions/${b.id}/`])
    replica.point(moved(moved(first, b.id, mover), null, mover))
    assert.deepEqual([replica.takes('/b'), replica.takes('/file'), replica.source.standing.running], [null, '/file', null])
  })

  it('is not done when the disk remembers a KV without a pointer and the registry then has one', async (t) => {
    const replica = start()
    t.after(() => replica.close())
    const a = revision('a')
    replica.watches.get(CURRENT)?.onValue([])
    assert.equal(replica.source.state, 'known')
    replica.point(moved(null, a.id, mover))
    assert.equal(replica.source.state, 'awaited')
    replica.write(a)
    await replica.runs(a)
    assert.equal(replica.source.state, 'known')
  })

  it('never serves one whose pieces have not all come, and takes it when they have', async (t) => {
    const replica = start()
    t.after(() => replica.close())
    const large = contentOf([{ name: 'l.yaml', text: `# ${'x'.repeat(900_000)}\nroutes: [/large -> l]` }])
    const pieces = piecesOf(large, mover.at)
    assert.equal(pieces.size, 4)
    replica.point(moved(null, large.id, mover))
    for (const left of [1, 2, 3]) {
      replica.write(large, new Map([...pieces].slice(0, left)))
      assert.match(replica.source.standing.problem ?? '', /^only \d of its 3 pieces are there$/)
      assert.equal(replica.takes('/large'), null)
    }
    replica.write(large)
    await replica.runs(large)
    assert.equal(replica.source.standing.problem, null)
    assert.equal(replica.takes('/large'), '/large')
  })

  it('keeps what serves when a revision does not fit with its file, says where, and takes it once the file makes room', async (t) => {
    const replica = start('routes: [{ name: mine, match: { path: /a }, to: m }]')
    t.after(() => replica.close())
    const a = revision('a')
    replica.point(moved(null, a.id, mover))
    replica.write(a)
    await until('it is refused', () => replica.source.standing.problem !== null)
    assert.match(replica.source.standing.problem ?? '', /takes the same requests as route/)
    assert.deepEqual([replica.takes('/a'), replica.source.standing.running, replica.source.state], ['mine', null, 'awaited'])
    replica.setFile('routes: [{ name: mine, match: { path: /b }, to: m }]')
    replica.source.retry()
    assert.deepEqual([replica.takes('/a'), replica.source.standing.running, replica.source.standing.problem], ['a', a.id, null])
    // And a file that would not fit any more is refused in its turn.
    replica.setFile('routes: [{ name: mine, match: { path: /a }, to: m }]')
    assert.equal(replica.reconciler.status().file.state, 'refused')
    assert.equal(replica.takes('/a'), 'a')
  })

  it('that starts while the revision in force is damaged waits for it, also if the registry was away for a moment', async (t) => {
    const replica = start()
    t.after(() => replica.close())
    const a = revision('a')
    replica.watches.get(CURRENT)?.onError(new GatewayError('registry_unavailable', 'away'))
    assert.equal(replica.source.state, 'unavailable')
    replica.point(moved(null, a.id, mover))
    replica.write(a, new Map([...piecesOf(a, mover.at)].slice(0, 1)))
    assert.deepEqual([replica.source.state, replica.source.standing.problem], ['awaited', 'only 0 of its 1 pieces are there'])
    replica.write(a)
    await replica.runs(a)
    assert.equal(replica.source.state, 'known')
  })

  it('overtaken by the next move while it parses applies the last one only', async (t) => {
    const replica = start()
    t.after(() => replica.close())
    const all = ['a', 'b', 'c'].map(revision)
    let pointer: Pointer | null = null
    for (const content of all) {
      pointer = moved(pointer, content.id, mover)
      replica.point(pointer)
      replica.write(content)
    }
    await replica.runs(all[2] as RevisionContent)
    assert.deepEqual(['/a', '/b', '/c'].map(replica.takes), [null, null, 'c'])
    assert.equal(replica.log.of('revision.applied').length, 1)
  })

  it('takes a revision on trial only if it is one of those that do, and goes back when it is ended', async (t) => {
    const [chosen, other] = [start(), start()]
    t.after(() => Promise.all([chosen.close(), other.close()]))
    const [a, b] = [revision('a'), revision('b')]
    const before = moved(null, a.id, mover)
    const pointer = tried(
      before,
      { revision: b.id, replicas: ['r1'], watchMs: 1_000, minRequests: 0, deadlineMs: 60_000 },
      { ...mover, kind: 'trial' },
    )
    for (const [replica, name] of [
      [chosen, 'r1'],
      [other, 'r2'],
    ] as const) {
      replica.source.knowAs(name)
      replica.point(before)
      replica.write(a)
      await replica.runs(a)
      replica.point(pointer)
      replica.write(b)
    }
    await chosen.runs(b)
    assert.deepEqual([other.takes('/a'), other.takes('/b'), other.source.standing.running], ['a', null, a.id])
    chosen.point(untried(pointer, { ...mover, kind: 'undo' }))
    chosen.write(a)
    await chosen.runs(a)
    assert.deepEqual([chosen.takes('/a'), chosen.takes('/b')], ['a', null])
  })
})
