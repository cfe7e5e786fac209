import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { systemClock, type Clock } from '../../src/clock.ts'
import type { GatewayError } from '../../src/errors.ts'
import { silentLogger } from '../../src/logging.ts'
import { openConsulRegistry } from '../../src/registry/consul/consul-registry.ts'
import type { Instance, Registry, WatchListener } from '../../src/registry/registry.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { until } from '../support/until.ts'
import { healthBody, startScriptedRegistry, type Scripted, type ScriptedRegistry } from './scripted-registry.ts'

const cleanups: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

interface Heard {
  /** The ports of each value, in order. */
  readonly values: number[][]
  readonly errors: GatewayError[]
  readonly listener: WatchListener<readonly Instance[]>
}

function hear(): Heard {
  const heard = { values: [] as number[][], errors: [] as GatewayError[] }
  return {
    ...heard,
    listener: {
      onValue: (instances) => void heard.values.push(instances.map(({ address }) => address.port)),
      onError: (error) => void heard.errors.push(error),
    },
  }
}

async function scripted(answers: readonly Scripted[]): Promise<ScriptedRegistry> {
  const fake = await startScriptedRegistry((nth) => answers[nth] ?? 'hang')
  cleanups.push(fake.close)
  return fake
}

function open(address: string, clock: Clock = systemClock, random = () => 0): Registry {
  const registry = openConsulRegistry({ address, token: null, datacenter: null, clock, random, logger: silentLogger })
  cleanups.push(() => registry.close())
  return registry
}

const two: Scripted = { index: '5', body: healthBody('shop', [1, 2]) }
const three: Scripted = { index: '9', body: healthBody('shop', [1, 2, 3]) }

const faults: readonly { readonly name: string; readonly answer: Scripted; readonly code: string }[] = [
  { name: 'answers 500', answer: { status: 500, body: 'No cluster leader' }, code: 'registry_refused' },
  { name: 'answers 404 without an index', answer: { status: 404, body: '' }, code: 'registry_refused' },
  { name: 'answers what is not JSON', answer: { index: '9', body: '<html>' }, code: 'registry_protocol' },
  { name: 'answers JSON that ends in the middle', answer: { index: '9', body: '[{"Node":{"No' }, code: 'registry_protocol' },
  { name: 'answers JSON of another shape', answer: { index: '9', body: '{"Node":1}' }, code: 'registry_protocol' },
  { name: 'answers an instance without a node', answer: { index: '9', body: '[{"Service":{}}]' }, code: 'registry_protocol' },
  { name: 'answers an empty list without an index', answer: { body: '[]' }, code: 'registry_protocol' },
  { name: 'answers an empty list with index 0', answer: { index: '0', body: '[]' }, code: 'registry_protocol' },
  {
    name: 'answers an empty list with an index that is no number',
    answer: { index: 'x', body: '[]' },
    code: 'registry_protocol',
  },
  { name: 'cuts the connection', answer: 'reset', code: 'registry_unavailable' },
  { name: 'answers half', answer: 'truncated', code: 'registry_unavailable' },
]

describe('a watch when the registry is broken', () => {
  for (const { name, answer, code } of faults) {
    it(`keeps the last value when the registry ${name}`, async () => {
      const fake = await scripted([two, answer, three])
      const registry = open(fake.address)
      const heard = hear()
      registry.watchInstances('shop', heard.listener)
      await until('the registry works again', () => heard.values.length === 2)
      assert.deepEqual(heard.values, [
        [1, 2],
        [1, 2, 3],
      ])
      assert.deepEqual(
        heard.errors.map((error) => error.code),
        [code],
      )
      assert.equal(fake.seen[2]?.query.get('index'), null, 'the first read after an error must not block')
      assert.equal(registry.contact.lastError, null)
    })
  }

  it('calls a 404 without an index an error of a KV prefix, and one with an index an empty list', async () => {
    const fake = await scripted([
      { status: 404, body: '404 page not found' },
      { status: 404, index: '7', body: '' },
    ])
    const values: unknown[] = []
    const errors: GatewayError[] = []
    open(fake.address).watchPrefix('gateway/routes/', {
      onValue: (value) => values.push(value),
      onError: (error) => errors.push(error),
    })
    await until('a value came', () => values.length > 0)
    assert.deepEqual(values, [[]])
    assert.deepEqual(
      errors.map(({ code }) => code),
      ['registry_protocol'],
    )
  })

  it('goes on by itself when the registry was away and is back', async () => {
    const fake = await startScriptedRegistry((nth) => (nth === 0 ? two : nth === 2 ? three : 'hang'))
    cleanups.push(fake.close)
    const heard = hear()
    open(fake.address).watchInstances('shop', heard.listener)
    await until('the second read is held', () => fake.seen.length === 2)
    await fake.close()
    await until('the loss was told', () => heard.errors.some(({ message }) => message.includes('nobody listens there')))
    await fake.reopen()
    await until('the new value came', () => heard.values.length === 2)
    assert.deepEqual(heard.values[1], [1, 2, 3])
  })

  it('gives up on a held read after wait + wait/16 + 5 s and reads again', async () => {
    const fake = await scripted([two, 'hang', three])
    const clock = new ManualClock()
    const heard = hear()
    open(fake.address, clock).watchInstances('shop', heard.listener)
    await until('the first value came', () => heard.values.length === 1)
    await until('the second read is held', async () => {
      await clock.advance(60)
      return fake.seen.length === 2
    })
    await clock.advance(60_000 + 3_750 + 4_800)
    assert.equal(heard.errors.length, 0)
    await clock.advance(200)
    await until('the deadline was told', () => heard.errors.length === 1)
    assert.equal(heard.errors[0]?.code, 'registry_timeout')
    await until('the third read came', async () => {
      await clock.advance(60)
      return heard.values.length === 2
    })
    assert.equal(heard.errors.length, 1)
  })
})

describe('a watch and its index', () => {
  it('sends the index it was given, and none at first', async () => {
    const fake = await scripted([two])
    open(fake.address).watchInstances('shop', hear().listener)
    await until('the second read came', () => fake.seen.length === 2)
    assert.equal(fake.seen[0]?.query.has('index'), false)
    assert.equal(fake.seen[1]?.query.get('index'), '5')
    assert.equal(fake.seen[1]?.query.get('wait'), '60000ms')
  })

  it('starts over without an index when the index goes backwards', async () => {
    const fake = await scripted([two, { index: '3', body: '[]' }, { index: '3', body: healthBody('shop', [4]) }])
    const heard = hear()
    open(fake.address).watchInstances('shop', heard.listener)
    await until('the fourth read came', () => fake.seen.length === 4)
    assert.deepEqual(
      fake.seen.map(({ query }) => query.get('index')),
      [null, '5', null, '3'],
    )
    assert.deepEqual(heard.values, [[1, 2], [4]])
    assert.equal(heard.errors.length, 0)
  })

  it('tells nothing when the index moves and the value is the same in another order', async () => {
    const fake = await scripted([two, { index: '6', body: healthBody('shop', [2, 1]) }, three])
    const heard = hear()
    open(fake.address).watchInstances('shop', heard.listener)
    await until('the third answer came', () => fake.seen.length === 4)
    assert.deepEqual(heard.values, [
      [1, 2],
      [1, 2, 3],
    ])
  })

  it('keeps an index above 2^53 exact', async () => {
    const fake = await scripted([{ index: '18446744073709551615', body: '[]' }])
    open(fake.address).watchInstances('shop', hear().listener)
    await until('the second read came', () => fake.seen.length === 2)
    assert.equal(fake.seen[1]?.query.get('index'), '18446744073709551615')
  })

  it('slows down when the registry answers at once with the same index', async () => {
    const fake = await startScriptedRegistry(() => two)
    cleanups.push(fake.close)
    const pausesMs: number[] = []
    // Pauses end at once and are noted; deadlines (5 s and more) never come.
    const hasty: Clock = {
      ...systemClock,
      after: (delayMs, run) => {
        if (delayMs >= 5_000) return { cancel: () => {} }
        pausesMs.push(delayMs)
        return systemClock.after(0, run)
      },
    }
    const heard = hear()
    open(fake.address, hasty, () => 0.5).watchInstances('shop', heard.listener)
    await until('a few reads were answered', () => pausesMs.length >= 8)
    assert.equal(heard.values.length, 1)
    assert.deepEqual(pausesMs.slice(1, 8), [100, 200, 400, 800, 1000, 1000, 1000])
  })
})

describe('closing', () => {
  it('cuts the held read of a closed watch and calls nobody any more', async () => {
    const fake = await scripted([two])
    const heard = hear()
    const watch = open(fake.address).watchInstances('shop', heard.listener)
    await until('the second read is held', () => fake.seen.length === 2)
    watch.close()
    await until('the registry saw the cut', () => fake.cuts === 1)
    assert.deepEqual([heard.values.length, heard.errors.length], [1, 0])
  })

  it('ends all watches and refuses later calls when the registry client is closed', async () => {
    const fake = await scripted([two])
    const registry = open(fake.address)
    const heard = hear()
    registry.watchInstances('shop', heard.listener)
    await until('the second read is held', () => fake.seen.length === 2)
    await registry.close()
    assert.equal(heard.errors.length, 0)
    await assert.rejects(registry.kv.get('a'), { code: 'registry_unavailable' })
  })
})

describe('a registry that hangs', () => {
  it('holds up a read that is not held for 5 s, and the last value stays', async () => {
    const fake = await scripted(['hang', two])
    const clock = new ManualClock()
    const heard = hear()
    open(fake.address, clock).watchInstances('shop', heard.listener)
    await until('the read has come', () => fake.seen.length === 1)
    await clock.advance(5_000)
    await until('the silence was told', () => heard.errors.length === 1)
    assert.equal(heard.errors[0]?.code, 'registry_timeout')
    await until('the second read was answered', async () => {
      await clock.advance(60)
      return heard.values.length === 1
    })
  })

  it('and is heard again by any call has its held reads begun anew, within a second', async () => {
    let isSilent = true
    const fake = await startScriptedRegistry((_, { path, query }) => {
      if (path.startsWith('/v1/kv/')) return isSilent ? 'hang' : { index: '1', body: '[]' }
      return query.has('index') ? 'hang' : isSilent ? two : three
    })
    cleanups.push(fake.close)
    const clock = new ManualClock()
    const registry = open(fake.address, clock)
    const heard = hear()
    registry.watchInstances('shop', heard.listener)
    await until('the second read is held', async () => {
      await clock.advance(60)
      return fake.seen.length === 2
    })
    for (let nth = 0; nth < 2; nth++) {
      const call = assert.rejects(registry.kv.get('x'), { code: 'registry_timeout' })
      await until('the call has come', () => fake.seen.length === 3 + nth)
      await clock.advance(5_000)
      await call
    }
    isSilent = false
    await registry.kv.get('x')
    await until('the change of meanwhile was told', async () => {
      await clock.advance(20)
      return heard.values.length === 2
    })
    assert.deepEqual(heard.values.at(-1), [1, 2, 3])
    assert.equal(heard.errors.length, 0)
  })
})

describe('an answer that is too long', () => {
  it('is cut at the limit, told as such, and leaves the last value', async () => {
    const long: Scripted = { index: '6', body: `[${' '.repeat(100_000)}]` }
    const fake = await scripted([two, long, three])
    const heard = hear()
    const options = { address: fake.address, token: null, datacenter: null, clock: systemClock, random: () => 0 }
    const registry = openConsulRegistry({ ...options, logger: silentLogger, maxBodyBytes: 50_000 })
    cleanups.push(() => registry.close())
    registry.watchInstances('shop', heard.listener)
    await until('the registry is sensible again', () => heard.values.length === 2)
    assert.match(heard.errors[0]?.message ?? '', /the answer is longer than 50000 bytes/)
    assert.deepEqual(heard.values, [
      [1, 2],
      [1, 2, 3],
    ])
  })
})
