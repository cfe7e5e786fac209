import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../support/manual-clock.ts'
import { openRegistry, type TestRegistry } from './registry.ts'

async function create(registry: TestRegistry, session: object): Promise<string> {
  return (await registry.put('/v1/session/create', session)).json<{ ID: string }>().ID
}

interface Entry {
  readonly Session?: string
  readonly LockIndex: number
  readonly ModifyIndex: number
}

async function entry(registry: TestRegistry, key: string): Promise<Entry | undefined> {
  const reply = await registry.get(`/v1/kv/${key}`)
  return reply.status === 404 ? undefined : reply.json<Entry[]>()[0]
}

test('a session that is not renewed ends at twice its TTL, and not before its TTL', async (context) => {
  const clock = new ManualClock()
  const registry = await openRegistry(context, { clock })
  const id = await create(registry, { TTL: '10s', LockDelay: '0s' })
  await registry.put(`/v1/kv/lock?acquire=${id}`, 'me')
  await clock.advance(19_999)
  assert.equal((await entry(registry, 'lock'))?.Session, id)
  await clock.advance(1)
  const released = await entry(registry, 'lock')
  assert.equal(released?.Session, undefined)
  assert.equal(released?.LockIndex, 1)
  assert.equal((await registry.get(`/v1/session/info/${id}`)).text, '[]')
})

test('renewing a session starts its TTL anew', async (context) => {
  const clock = new ManualClock()
  const registry = await openRegistry(context, { clock })
  const id = await create(registry, { TTL: '10s' })
  for (let renewal = 0; renewal < 3; renewal++) {
    await clock.advance(15_000)
    assert.equal((await registry.put(`/v1/session/renew/${id}`)).status, 200)
  }
  await clock.advance(20_000)
  assert.equal((await registry.put(`/v1/session/renew/${id}`)).status, 404)
})

test('after a session was ended its keys are barred for its lock-delay, at most a minute', async (context) => {
  const clock = new ManualClock()
  const registry = await openRegistry(context, { clock })
  const next = await create(registry, {})
  for (const [lockDelay, delayMs] of [
    ['5s', 5000],
    ['10m', 60_000],
  ] as const) {
    const id = await create(registry, { LockDelay: lockDelay })
    assert.equal((await registry.put(`/v1/kv/${lockDelay}?acquire=${id}`)).text, 'true')
    await registry.put(`/v1/session/destroy/${id}`)
    await clock.advance(delayMs - 1)
    assert.equal((await registry.put(`/v1/kv/${lockDelay}?acquire=${next}`)).text, 'false')
    assert.equal((await registry.put(`/v1/kv/${lockDelay}-plain`, 'x')).text, 'true')
    await clock.advance(1)
    assert.equal((await registry.put(`/v1/kv/${lockDelay}?acquire=${next}`)).text, 'true')
  }
})

test('behavior delete removes the keys of a session that lapses, and the prefix index rises', async (context) => {
  const clock = new ManualClock()
  const registry = await openRegistry(context, { clock })
  const id = await create(registry, { TTL: '10s', Behavior: 'delete', LockDelay: '0s' })
  await registry.put(`/v1/kv/dir/lock?acquire=${id}`, 'me')
  const before = await registry.get('/v1/kv/dir/?recurse')
  await clock.advance(20_000)
  const after = await registry.get('/v1/kv/dir/?recurse')
  assert.equal(after.status, 404)
  assert.ok(after.index > before.index)
})

test('a waiter on a held key is woken when the session lapses', async (context) => {
  const clock = new ManualClock()
  const registry = await openRegistry(context, { clock })
  const id = await create(registry, { TTL: '10s' })
  await registry.put(`/v1/kv/lock?acquire=${id}`, 'me')
  const held = await entry(registry, 'lock')
  const waiter = registry.get(`/v1/kv/lock?index=${held?.ModifyIndex}&wait=5m`)
  await registry.get('/v1/status/leader')
  await clock.advance(20_000)
  assert.equal((await waiter).json<Entry[]>()[0]?.Session, undefined)
})
