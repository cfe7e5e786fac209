import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Lookups } from '../../src/workers/lookups.ts'
import type { Found, ServiceQuestion } from '../../src/workers/messages.ts'

const nobody: Found = { failure: { code: 'service_unknown', detail: 'nobody' } }

describe('a worker that does not know a service', () => {
  it('asks the primary once, however many calls wait, and again when it has been answered', async () => {
    const asked: ServiceQuestion[] = []
    const lookups = new Lookups((question) => asked.push(question))
    const orders = { service: 'orders', datacenter: null }
    const calls = Array.from({ length: 200 }, () => lookups.find(orders))
    const far = lookups.find({ service: 'orders', datacenter: 'dc2' })
    assert.deepEqual(asked, [orders, { service: 'orders', datacenter: 'dc2' }])
    lookups.answer(orders, nobody)
    assert.deepEqual(new Set(await Promise.all(calls)), new Set([nobody]))
    void lookups.find(orders)
    assert.equal(asked.length, 3)
    lookups.answer({ service: 'orders', datacenter: 'dc2' }, nobody)
    assert.equal(await far, nobody)
  })

  it('lets no more than 1,024 calls wait for one answer', async () => {
    const lookups = new Lookups(() => {})
    const orders = { service: 'orders', datacenter: null }
    for (let call = 0; call < 1_024; call++) void lookups.find(orders)
    const found = await lookups.find(orders)
    assert.equal('failure' in found && found.failure.code, 'upstream_overloaded')
  })
})
