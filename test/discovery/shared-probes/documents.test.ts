import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readBeat } from '../../../src/discovery/beat.ts'
import { findingsText, readFindings, type Finding } from '../../../src/discovery/shared-probes/finding.ts'
import { observersOf } from '../../../src/discovery/shared-probes/observers.ts'
import type { KvEntry } from '../../../src/registry/registry.ts'
import { range } from './probing-fleet.ts'

function entry(text: string, session: string | null = 's'): KvEntry {
  const value = Buffer.from(text)
  return { key: 'gateway/pulse/a', value, flags: 0n, session, lockIndex: 1n, createIndex: 1n, modifyIndex: 1n }
}

describe('a document with findings', () => {
  it('is read as it was written, in its four states', () => {
    const findings = new Map<string, Finding>([
      ['shop 10.0.0.1:80', { verdict: 'healthy', wavers: false, detail: '' }],
      ['shop 10.0.0.2:80', { verdict: 'healthy', wavers: true, detail: 'HTTP 500' }],
      ['shop 10.0.0.3:80', { verdict: 'unhealthy', wavers: false, detail: 'connect ECONNREFUSED 10.0.0.3:80' }],
      ['shop [::1]:80', { verdict: 'unhealthy', wavers: true, detail: 'HTTP 200' }],
    ])
    assert.deepEqual(readFindings(findingsText(findings)), findings)
  })

  it('says nothing where it makes no sense', () => {
    for (const text of ['', 'nonsense', 'null', '[]', '7', '{"a":1}', '{"a":"constructor"}', '{"a":"upward"}', '{"a":""}'])
      assert.equal(readFindings(text).size, 0, text)
    assert.equal(readFindings(`{"a":"down ${'x'.repeat(9_999)}"}`).get('a')?.detail.length, 120)
  })
})

describe('a beat', () => {
  const beat = { replica: 'a', count: 1, everyMs: 500, contents: {} }

  it('is of a living replica, and of nobody else', () => {
    assert.deepEqual(readBeat(entry(JSON.stringify(beat))), beat)
    assert.equal(readBeat(entry(JSON.stringify(beat), null)), null)
    for (const change of [
      { replica: 1 },
      { count: '1' },
      { everyMs: 0 },
      { everyMs: 1e12 },
      { contents: null },
      { contents: 'x' },
    ])
      assert.equal(readBeat(entry(JSON.stringify({ ...beat, ...change }))), null, JSON.stringify(change))
    for (const text of ['', 'null', '[]']) assert.equal(readBeat(entry(text)), null, text)
  })
})

describe('the observers of an instance', () => {
  const replicas = range(20).map((at) => `gw-${at}`)
  const subjects = range(2_000).map((at) => `shop 10.0.${at >> 8}.${at & 255}:8080`)

  it('are the same in whatever order the replicas are known, and spread evenly', () => {
    const counts = new Map<string, number>()
    for (const subject of subjects) {
      const observers = observersOf(subject, replicas, 2)
      assert.deepEqual(observersOf(subject, replicas.toReversed(), 2), observers)
      for (const name of observers) counts.set(name, (counts.get(name) ?? 0) + 1)
    }
    for (const [name, count] of counts) assert.ok(count > 140 && count < 260, `${name} has ${count} of 4,000`)
  })

  it('change for nothing but what one that leaves has observed', () => {
    const left = replicas.filter((name) => name !== 'gw-3')
    for (const subject of subjects) {
      const [before, after] = [observersOf(subject, replicas, 2), observersOf(subject, left, 2)]
      if (!before.includes('gw-3')) assert.deepEqual(after, before)
      else assert.ok(before.filter((name) => name !== 'gw-3').every((name) => after.includes(name)))
    }
  })

  it('are all when there are fewer than wanted', () => {
    assert.deepEqual(observersOf('x', ['a'], 2), ['a'])
    assert.deepEqual(observersOf('x', [], 2), [])
  })
})
