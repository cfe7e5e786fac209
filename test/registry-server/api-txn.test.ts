import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../support/manual-clock.ts'
import { openRegistry, type TestRegistry } from './registry.ts'

interface TxnReply {
  readonly Results: Record<string, Record<string, unknown>>[] | null
  readonly Errors: { OpIndex: number; What: string }[] | null
}

const kv = (Verb: string, Key: string, more: object = {}): object => ({ KV: { Verb, Key, ...more } })

async function txn(registry: TestRegistry, ops: readonly object[]): Promise<TxnReply & { status: number }> {
  const reply = await registry.put('/v1/txn', ops)
  return { ...reply.json<TxnReply>(), status: reply.status }
}

async function failureOf(registry: TestRegistry, ...ops: object[]): Promise<string[]> {
  const { status, Errors } = await txn(registry, ops)
  assert.equal(status, 409)
  return (Errors ?? []).map(({ OpIndex, What }) => `${OpIndex}: ${What}`)
}

test('a transaction that fails changes nothing, moves no index and wakes nobody', async (context) => {
  const registry = await openRegistry(context)
  await registry.put('/v1/kv/a', '1')
  const { index } = await registry.get('/v1/kv/?recurse')
  const waiting = registry.get(`/v1/kv/?recurse&index=${index}&wait=60s`)
  const failed = await failureOf(registry, kv('set', 'b', { Value: '' }), kv('delete', 'a'), kv('check-index', 'a', { Index: 7 }))
  assert.deepEqual(failed, ['2: failed to check index, key "a" doesn\'t exist'])
  assert.deepEqual((await registry.get('/v1/kv/?keys')).json(), ['a'])
  assert.equal((await registry.get('/v1/kv/?recurse')).index, index)
  await registry.put('/v1/kv/c', '1')
  assert.equal((await waiting).json<unknown[]>().length, 2, 'it was woken by the later write only')
})

test('all operations of a transaction share one index, and each sees the ones before it', async (context) => {
  const registry = await openRegistry(context)
  const { Results } = await txn(registry, [
    kv('set', 't/a', { Value: 'MQ==', Flags: 7 }),
    kv('get', 't/a'),
    kv('cas', 't/b', { Value: 'Mg==', Index: 0 }),
    kv('get-tree', 't/'),
    kv('delete', 't/a'),
    kv('check-not-exists', 't/a'),
  ])
  assert.deepEqual(
    Results?.map(({ KV }) => [KV?.['Key'], KV?.['Value'], KV?.['Flags']]),
    [
      ['t/a', null, 7],
      ['t/a', 'MQ==', 7],
      ['t/b', null, 0],
      ['t/a', 'MQ==', 7],
      ['t/b', 'Mg==', 0],
    ],
  )
  assert.equal(new Set(Results?.map(({ KV }) => KV?.['ModifyIndex'])).size, 1)
})

test('flags of 64 bits go through a transaction exactly', async (context) => {
  const registry = await openRegistry(context)
  await registry.put('/v1/txn', '[{"KV":{"Verb":"set","Key":"a","Flags":18446744073709551615}}]')
  assert.match((await registry.put('/v1/txn', '[{"KV":{"Verb":"get","Key":"a"}}]')).text, /"Flags":18446744073709551615,/)
  assert.equal(
    (await registry.put('/v1/txn', '[{"KV":{"Verb":"set","Key":"a","Flags":18446744073709551616}}]')).text,
    'Failed to parse body: json: cannot unmarshal number 18446744073709551616 into Go struct field KVTxnOp.KV.Flags of type uint64',
  )
})

test('locks in a transaction follow the rules of locks, the lock-delay included', async (context) => {
  const clock = new ManualClock()
  const registry = await openRegistry(context, { clock })
  const create = async (): Promise<string> =>
    (await registry.put('/v1/session/create', { LockDelay: '5s' })).json<{ ID: string }>().ID
  const [first, second] = [await create(), await create()]
  assert.equal((await txn(registry, [kv('lock', 'l', { Session: first })])).status, 200)
  assert.deepEqual(await failureOf(registry, kv('lock', 'l', { Session: second })), [
    '0: failed to lock key "l", lock is already held',
  ])
  assert.deepEqual(await failureOf(registry, kv('unlock', 'l', { Session: second })), [
    '0: failed to unlock key "l", lock isn\'t held, or is held by another session',
  ])
  await registry.put(`/v1/session/destroy/${first}`)
  assert.deepEqual(await failureOf(registry, kv('lock', 'l', { Session: second })), [
    '0: failed to lock key "l" due to lock delay',
  ])
  await clock.advance(5000)
  const [locked] = (await txn(registry, [kv('lock', 'l', { Session: second })])).Results ?? []
  assert.equal(locked?.['KV']?.['LockIndex'], 2)
})

test('nodes, services and checks are written and checked like keys', async (context) => {
  const registry = await openRegistry(context)
  const node = { Node: { Verb: 'set', Node: { Node: 'n', Address: '192.0.2.1' } } }
  const service = { Service: { Verb: 'set', Node: 'n', Service: { ID: 's1', Service: 's', Port: 1, Tags: ['t'] } } }
  const check = { Check: { Verb: 'set', Check: { Node: 'n', CheckID: 'c', Name: 'c', Status: 'passing', ServiceID: 's1' } } }
  const { Results } = await txn(registry, [node, service, check])
  const index = Results?.[0]?.['Node']?.['ModifyIndex']
  assert.deepEqual(Results?.[2]?.['Check']?.['ServiceTags'], ['t'])
  assert.equal((await registry.get('/v1/health/service/s?passing')).json<unknown[]>().length, 1)
  const stale = { Node: 'n', Service: { ID: 's1', Service: 's', ModifyIndex: 1 } }
  assert.deepEqual(
    await failureOf(registry, { Service: { Verb: 'cas', ...stale } }, { Node: { Verb: 'get', Node: { Node: 'x' } } }),
    ['0: failed to set service "s1" on node "n", index is stale', '1: node "x" doesn\'t exist'],
  )
  assert.deepEqual(
    await failureOf(registry, { Check: { Verb: 'delete-cas', Check: { Node: 'n', CheckID: 'c', ModifyIndex: 1 } } }),
    ['0: failed to delete check "c" on node "n", index is stale'],
  )
  const gone = await txn(registry, [{ Node: { Verb: 'delete-cas', Node: { Node: 'n', ModifyIndex: index } } }])
  assert.deepEqual(gone.Results, [])
  assert.deepEqual((await registry.get('/v1/health/service/s')).json(), [])
})
