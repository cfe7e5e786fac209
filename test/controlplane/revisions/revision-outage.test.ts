import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { LastGood } from '../../../src/discovery/outage/last-good.ts'
import { rememberingWatches } from '../../../src/discovery/outage/remembering-registry.ts'
import { contentOf, piecesOf, type RevisionContent } from '../../../src/controlplane/revisions/content.ts'
import { followRevisions } from '../../../src/controlplane/revisions/follow-revisions.ts'
import { moved, type Mover, type Pointer } from '../../../src/controlplane/revisions/pointer.ts'
import { AsideParser } from '../../../src/controlplane/sources/parse-aside.ts'
import { GatewayError } from '../../../src/errors.ts'
import type { KvEntry, WatchListener } from '../../../src/registry/registry.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { until } from '../../support/until.ts'
import { handRegistry, startControlPlane } from '../control-plane.ts'

const mover: Mover = { kind: 'apply', author: 'ann', reason: '', at: '2026-01-01T00:00:00.000Z' }
const revision = (name: string): RevisionContent => contentOf([{ name: 'r.yaml', text: `routes: [/${name} -> ${name}]` }])
const folderOf = ({ id }: RevisionContent): string => `gateway/config/revisions/${id}/`

function entries(folder: string, values: ReadonlyMap<string, Buffer>): readonly KvEntry[] {
  const rest = { flags: 0n, session: null, lockIndex: 0n, createIndex: 1n, modifyIndex: 1n }
  return [...values].map(([name, value]) => ({ key: folder + name, value, ...rest }))
}

/** A process with its state on disk; a test is its registry. */
async function startProcess(file: string) {
  const plane = startControlPlane('routes: [/file -> file]', { clock: new ManualClock() })
  const listeners = new Map<string, WatchListener<readonly KvEntry[]>>()
  const clock = new ManualClock()
  const lastGood = await LastGood.open({ file, clock, logger: plane.log.logger })
  const registry = {
    ...handRegistry(),
    watchPrefix: (prefix: string, listener: WatchListener<readonly KvEntry[]>) => {
      listeners.set(prefix, listener)
      return { freshSince: 0, close: () => void listeners.delete(prefix) }
    },
  }
  const watches = rememberingWatches(registry, lastGood, clock)
  const { reconciler, log } = plane
  const source = followRevisions({
    registry: watches,
    prefix: 'gateway',
    parser: new AsideParser(new ManualClock()),
    env: {},
    reconciler,
    logger: log.logger,
  })
  return {
    source,
    tell: (folder: string, values: ReadonlyMap<string, Buffer>) => listeners.get(folder)?.onValue(entries(folder, values)),
    fail: () => listeners.forEach((listener) => listener.onError(new GatewayError('registry_unavailable', 'away'))),
    routes: () => plane.gateway.snapshot.routes.map(({ name }) => name),
    end: async () => {
      await lastGood.close()
      source.close()
      await plane.close()
    },
  }
}

it('a replica that starts while the registry is away serves the revision that it had last, from disk, where no other one is left', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'meshgate-revision-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const file = join(folder, 'state')
  const [a, b] = [revision('a'), revision('b')]
  const first = await startProcess(file)
  let pointer: Pointer | null = null
  for (const content of [a, b]) {
    pointer = moved(pointer, content.id, mover)
    first.tell('gateway/config/current', new Map([['', Buffer.from(JSON.stringify(pointer))]]))
    first.tell(folderOf(content), piecesOf(content, mover.at))
    await until('it runs', () => first.source.standing.running === content.id)
  }
  await first.end()
  const kept = await readFile(file, 'utf8')
  assert.deepEqual([kept.includes(folderOf(a)), kept.includes(folderOf(b))], [false, true])

  const next = await startProcess(file)
  t.after(() => next.end())
  assert.equal(next.source.state, 'awaited')
  next.fail()
  next.fail()
  await until('it runs', () => next.source.standing.running === b.id)
  assert.deepEqual([next.routes().toSorted(), next.source.state, next.source.standing.number], [['/b', '/file'], 'known', 2])
})
