import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { RunningFilters } from '../../src/controlplane/running-filters.ts'
import type { FilterSpec } from '../../src/dataplane/filters/filter.ts'
import { filterDeps } from '../support/filter.ts'
import { startControlPlane } from './control-plane.ts'

const respond = (body: string): FilterSpec => ({ kind: 'respond', options: { body } })
const route = (name: string, ...filters: FilterSpec[]) => ({ name, match: {}, filters, to: [{ upstream: 'app', weight: 1 }] })

describe('running filters', () => {
  it('stay through a reload that keeps their route and their settings, wherever they stand', () => {
    const running = new RunningFilters(filterDeps())
    const [a, b] = running.reconcile({ routes: [route('x', respond('a'), respond('b'))] }).find('x')
    const next = running.reconcile({ routes: [route('y', respond('a')), route('x', respond('c'), respond('b'), respond('a'))] })
    const [c, b2, a2] = next.find('x')
    assert.ok(a && b && c)
    assert.equal(a2, a)
    assert.equal(b2, b)
    assert.notEqual(c, a)
    assert.notEqual(next.find('y')[0], a)
  })

  it('are two where the same settings stand twice', () => {
    const running = new RunningFilters(filterDeps())
    const routes = [route('x', respond('a'), respond('a'))]
    const before = running.reconcile({ routes }).find('x')
    assert.notEqual(before[0], before[1])
    assert.deepEqual(running.reconcile({ routes }).find('x'), before)
  })

  it('are closed once when they are gone, after the new ones serve, and at the end', () => {
    const running = new RunningFilters(filterDeps())
    const closed: string[] = []
    const note = (filters: readonly { close?(): void }[], names: string) =>
      filters.forEach((filter, at) => (filter.close = () => void closed.push(names[at] ?? '?')))
    note(running.reconcile({ routes: [route('x', respond('a'), respond('b')), route('y', respond('c'))] }).find('x'), 'ab')
    const next = running.reconcile({ routes: [route('x', respond('b'))] })
    assert.deepEqual(closed, [])
    next.retire()
    assert.deepEqual(closed, ['a'])
    running.close()
    running.close()
    assert.deepEqual(closed, ['a', 'b'])
  })
})

/** A file with a limited route, and more filters behind that. */
function limited(rest: string): string {
  const filters = `[{ rateLimit: { rate: 1/h } }${rest}]`
  return `routes: [{ name: x, match: { path: /x }, filters: ${filters}, to: app }]\nupstreams: { app: { instances: ["127.0.0.1:1"] } }\n`
}

describe('a reload', () => {
  it('keeps what a filter has counted as long as its settings stay', async () => {
    const plane = startControlPlane(limited(''))
    const filterNow = () => plane.gateway.snapshot.routes[0]?.filters.all[0]
    const before = filterNow()
    assert.ok(before)
    plane.setFile(limited(', { requestId: {} }'))
    assert.equal(plane.gateway.snapshot.generation, 2)
    assert.equal(filterNow(), before)
    plane.setFile(limited('').replace('1/h', '2/h'))
    assert.equal(plane.gateway.snapshot.generation, 3)
    assert.notEqual(filterNow(), before)
    await plane.close()
  })
})
