import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { drainedBy, drainKey, parseInstanceText } from '../../src/discovery/draining/drain-key.ts'
import { DrainList } from '../../src/discovery/draining/drain-list.ts'
import { HeldKeys } from '../../src/registry/held-keys.ts'
import { readReplicaReport, ReplicaStatus } from '../../src/controlplane/replica-status.ts'
import { GatewayError } from '../../src/errors.ts'
import type { KvEntry, Session, WatchListener } from '../../src/registry/registry.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { keptLog } from './control-plane.ts'
import { memoryRegistry } from './memory-registry.ts'

const entry = (key: string, modifyIndex = 1n, value = ''): KvEntry => ({
  key,
  value: Buffer.from(value),
  flags: 0n,
  session: null,
  lockIndex: 0n,
  createIndex: 1n,
  modifyIndex,
})

function startList() {
  const clock = new ManualClock()
  let told: WatchListener<readonly KvEntry[]> | null = null
  const registry = memoryRegistry({
    watchPrefix: (_, listener) => {
      told = listener
      return { freshSince: 0, close: () => {} }
    },
  })
  const log = keptLog()
  const list = new DrainList({ registry, prefix: 'gateway', clock, logger: log.logger }).start()
  const tell = (...entries: readonly KvEntry[]): void => told?.onValue(entries)
  const fail = (): void => told?.onError(new GatewayError('registry_unavailable', 'away'))
  return { clock, list, tell, fail, log }
}

describe('the key of a drain', () => {
  it('names every instance, whatever its service and id are, with letters that every registry takes', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.string({ minLength: 1 }), (service, id) => {
        const instance = { service: service.toWellFormed(), id: id.toWellFormed() }
        const key = drainKey('gateway', instance)
        assert.match(key, /^gateway\/drains\/[A-Za-z0-9_.~-]+\/[A-Za-z0-9_.~-]+$/)
        assert.deepEqual(drainedBy('gateway', key), instance)
      }),
    )
  })

  it('can be written by hand', () => {
    assert.deepEqual(drainedBy('gateway', 'gateway/drains/shop/shop-1'), { service: 'shop', id: 'shop-1' })
    for (const key of ['gateway/drains/', 'gateway/drains/shop', 'gateway/drains/shop/', 'gateway/drains/a/b/c'])
      assert.equal(drainedBy('gateway', key), null)
    assert.deepEqual(parseInstanceText('shop/a/1'), { service: 'shop', id: 'a/1' })
    for (const text of ['', 'shop', 'shop/', '/a']) assert.equal(parseInstanceText(text), null)
  })
})

describe('the list of drains', () => {
  it('keeps who is drained while the registry is away', () => {
    const { list, tell, fail } = startList()
    assert.equal(list.isKnown, false)
    tell(entry('gateway/drains/shop/a', 7n))
    fail()
    assert.deepEqual(
      [list.isKnown, list.has({ service: 'shop', id: 'a' }), list.has({ service: 'shop', id: 'b' })],
      [true, true, false],
    )
    assert.deepEqual([...list.entries], [['shop/a', 7n]])
    tell()
    assert.equal(list.has({ service: 'shop', id: 'a' }), false)
  })

  it('keeps nobody waiting for a registry that does not answer', async () => {
    const { list, clock, fail } = startList()
    let changes = 0
    list.follow(() => changes++)
    await clock.advance(499)
    assert.equal(list.isKnown, false)
    await clock.advance(1)
    assert.deepEqual([list.isKnown, changes], [true, 1])
    fail()
    assert.equal(changes, 1)
  })

  it('tells each change once in the log', () => {
    const { tell, log } = startList()
    tell(entry('gateway/drains/shop/a'))
    tell(entry('gateway/drains/shop/a'), entry('gateway/drains/shop/b'))
    tell(entry('gateway/drains/shop/b'))
    assert.deepEqual(
      log.of('instance.draining').map(({ instance }) => instance),
      ['shop/a', 'shop/b'],
    )
    assert.deepEqual(
      log.of('instance.undrained').map(({ instance }) => instance),
      ['shop/a'],
    )
  })
})

function startStatus() {
  const clock = new ManualClock()
  const lost = new AbortController()
  const puts: { key: string; text: string; acquire: string | undefined }[] = []
  let [sessions, away] = [0, false]
  const base = memoryRegistry()
  const registry = memoryRegistry({
    kv: {
      ...base.kv,
      put: async (key, value, { acquire } = {}) => {
        if (away) throw new GatewayError('registry_unavailable', 'away')
        puts.push({ key, text: String(value), acquire })
        return true
      },
    },
    openSession: async () => {
      sessions++
      const signal = sessions === 1 ? lost.signal : new AbortController().signal
      return { id: `s${sessions}`, aliveUntil: Infinity, lost: signal, close: async () => {} } satisfies Session
    },
  })
  const { logger } = keptLog()
  const status = new ReplicaStatus({
    keys: new HeldKeys(registry, 'gw-1'),
    prefix: 'gateway',
    name: 'gw-1',
    clock,
    random: () => 0.5,
    logger,
  }).start()
  return { clock, status, puts, lose: () => lost.abort(), setAway: (next: boolean) => void (away = next) }
}
async function settle(clock: ManualClock): Promise<void> {
  for (let turn = 0; turn < 5; turn++) {
    await clock.advance(60)
  }
}

describe('the status of a replica', () => {
  it('is written at once, again when a section changes, and not when none does', async () => {
    const { clock, status, puts } = startStatus()
    status.set('drain', { a: 1 })
    await settle(clock)
    const [first] = puts.slice(-1)
    assert.deepEqual([first?.key, first?.acquire], ['gateway/status/gw-1', 's1'])
    const read = readReplicaReport({ ...entry('k', 1n, first?.text), session: 's1' })
    assert.deepEqual([read?.replica, read?.sections], ['gw-1', { drain: { a: 1 } }])
    const count = puts.length
    status.set('drain', { a: 1 })
    await settle(clock)
    assert.equal(puts.length, count)
    status.set('other', 2)
    await settle(clock)
    assert.deepEqual([puts.length, JSON.parse(puts.at(-1)?.text ?? '').sections], [count + 1, { drain: { a: 1 }, other: 2 }])
    await status.close()
  })

  it('is written again under a new session when the old one is lost, and after the registry was away', async () => {
    const { clock, status, puts, lose, setAway } = startStatus()
    await settle(clock)
    setAway(true)
    lose()
    status.set('drain', 1)
    await settle(clock)
    const before = puts.length
    setAway(false)
    await clock.advance(6_000)
    await settle(clock)
    assert.ok(puts.length > before)
    assert.equal(puts.at(-1)?.acquire, 's2')
    await status.close()
  })

  it('is no report when nobody holds it or it is of somebody else', () => {
    const text = JSON.stringify({ replica: 'gw-1', at: 'x', sections: {} })
    assert.equal(readReplicaReport(entry('k', 1n, text)), null)
    for (const other of ['', 'nonsense', '{}', '{"replica":1,"at":"","sections":{}}'])
      assert.equal(readReplicaReport({ ...entry('k', 1n, other), session: 's' }), null)
  })
})
