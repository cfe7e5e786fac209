import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MetricSource } from '../../src/metrics.ts'
import { MergedSamples } from '../../src/workers/merged-samples.ts'
import type { SampleTable } from '../../src/workers/messages.ts'

function source(kind: MetricSource['kind'], value: number): MetricSource {
  return { name: 'm', help: '', kind, labelNames: ['route'], samples: () => [{ labels: { route: 'a' }, value }] }
}

function table(values: Readonly<Record<string, number>>): SampleTable {
  return { m: Object.entries(values).map(([route, value]) => ({ labels: { route }, value })) }
}

function told(merged: MergedSamples, kind: MetricSource['kind'], own: number, living: readonly SampleTable[]) {
  const samples = [...merged.merge(source(kind, own), () => living).samples()]
  return Object.fromEntries(samples.map(({ labels, value }) => [labels.route, value]))
}

test('what is told is the sum of all, by labels', () => {
  assert.deepEqual(told(new MergedSamples(), 'counter', 1, [table({ a: 2, b: 3 }), table({ b: 4 })]), { a: 3, b: 7 })
})

test('what a worker has counted stays when it ends, what it had under way does not', () => {
  const merged = new MergedSamples()
  merged.end(table({ a: 5 }))
  merged.end(table({ a: 6 }))
  assert.deepEqual(told(merged, 'counter', 1, [table({ a: 1 })]), { a: 13 })
  assert.deepEqual(told(merged, 'gauge', 1, [table({ a: 1 })]), { a: 2 })
})

test('what ended workers have counted of a route that left the config is dropped', () => {
  const merged = new MergedSamples()
  merged.end(table({ a: 5, gone: 7 }))
  merged.keepOnly({ routes: new Set(['a']), upstreams: new Set() })
  assert.deepEqual(told(merged, 'counter', 0, []), { a: 5 })
})
