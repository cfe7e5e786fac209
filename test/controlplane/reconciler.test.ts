import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { SourceStatus } from '../../src/controlplane/config-status.ts'
import { requestHead } from '../support/request-head.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { fileName, fileText, kvTexts, startControlPlane } from './control-plane.ts'

type ControlPlane = ReturnType<typeof startControlPlane>

const running: ControlPlane[] = []
afterEach(async () => {
  for (const plane of running.splice(0)) await plane.close()
})

function start(file: string): ControlPlane {
  const plane = startControlPlane(file, { clock: new ManualClock() })
  running.push(plane)
  return plane
}

/** The name of the route that a path goes to. */
function routeOf({ gateway }: ControlPlane, path: string): string | null {
  return gateway.snapshot.router.find(requestHead({ path }))?.name ?? null
}

function entry({ reconciler }: ControlPlane, key: string): SourceStatus | undefined {
  return reconciler.status().entries.find(({ source }) => source === `kv:gateway/${key}`)
}

describe('the file', () => {
  it('serves at once, as generation 1', () => {
    const plane = start('routes: [/a -> a]')
    assert.equal(routeOf(plane, '/a'), '/a')
    assert.equal(plane.reconciler.generation, 1)
    assert.equal(plane.gateway.snapshot.generation, 1)
  })

  it('cannot be started with when its routes take the same requests', () => {
    assert.throws(() => start('routes: [/a -> a, { name: b, match: { path: /a }, to: b }]'), { code: 'config_invalid' })
  })

  it('is refused whole for one mistake, and the last good one serves on', () => {
    const plane = start('routes: [/a -> a]')
    plane.setFile('routes: [/b -> b, { name: c, match: { pth: /c }, to: c }]')
    assert.equal(routeOf(plane, '/a'), '/a')
    assert.equal(routeOf(plane, '/b'), null)
    const { file, generation } = plane.reconciler.status()
    assert.deepEqual([file.source, file.state, file.servesOlder, generation], [fileName, 'refused', true, 1])
    assert.deepEqual(
      file.problems.map(({ line, column, path }) => [line, column, path]),
      [[2, 39, 'routes[1].match.pth']],
    )
    assert.match(plane.log.of('config.refused')[0]?.msg ?? '', /gateway\.yaml:2:39 routes\[1\]\.match\.pth/)
  })

  it('is refused when its routes take the same requests, and is applied once that is repaired', () => {
    const plane = start('routes: [/a -> a]')
    plane.setFile('routes: [/a -> a, { name: b, match: { path: /a }, to: b }]')
    assert.equal(plane.reconciler.status().file.state, 'refused')
    plane.setFile('routes: [/a -> a, { name: b, match: { path: /b }, to: b }]')
    assert.equal(plane.reconciler.status().file.state, 'applied')
    assert.equal(routeOf(plane, '/b'), 'b')
    assert.equal(plane.reconciler.generation, 2)
  })

  it('that cannot be read any more is told, and what it said last serves', () => {
    const plane = start('routes: [/a -> a]')
    plane.reconciler.setFileUnreadable('ENOENT: no such file')
    const { file } = plane.reconciler.status()
    assert.deepEqual([file.state, file.servesOlder], ['refused', true])
    assert.equal(file.problems[0]?.message, 'ENOENT: no such file')
    assert.equal(routeOf(plane, '/a'), '/a')
    plane.setFile('routes: [/a -> a]')
    assert.equal(plane.reconciler.status().file.state, 'applied')
  })

  it('that says the same in other words changes nothing', () => {
    const plane = start('routes: [/a -> a]')
    const { snapshot } = plane.gateway
    plane.setFile('# a comment\nroutes:\n  - /a -> a\n')
    assert.equal(plane.reconciler.generation, 1)
    assert.equal(plane.gateway.snapshot, snapshot)
    assert.equal(plane.log.of('config.applied').length, 1)
  })

  it('that changes only a default is applied', () => {
    const plane = start('routes: [/a -> a]')
    plane.setFile('routes: [/a -> a]\ndefaults: { timeouts: { response: 7s } }')
    assert.equal(plane.reconciler.generation, 2)
    assert.equal(plane.gateway.snapshot.routes[0]?.to[0]?.policy.timeouts.responseMs, 7_000)
    assert.equal(plane.upstreams.find('a')?.upstream.policy.timeouts.responseMs, 7_000)
  })

  it('tells which of its changes need a restart, until they are taken back', () => {
    const plane = start('routes: [/a -> a]')
    plane.setFile('routes: [/b -> b]\nlog: { level: debug }\nkv: { prefix: other }')
    assert.deepEqual(plane.reconciler.status().needsRestart, ['kv', 'log'])
    assert.equal(routeOf(plane, '/b'), '/b', 'what is hot is applied all the same')
    assert.deepEqual(plane.log.of('config.needs_restart')[0]?.['changed'], ['kv', 'log'])
    plane.setFile('routes: [/b -> b]')
    assert.deepEqual(plane.reconciler.status().needsRestart, [])
  })

  it('warns of a route that can never be chosen, once', () => {
    const plane = start('routes: [/a -> a]')
    const shadow = 'routes:\n  - /x/y -> a\n  - { name: all, match: { path: /x/*, priority: 1 }, to: a }'
    plane.setFile(shadow)
    const { warnings } = plane.reconciler.status()
    assert.equal(warnings.length, 1)
    assert.match(warnings[0]?.message ?? '', /can never be chosen: route "all"/)
    plane.reconciler.setEntries(kvTexts({ 'routes/other': '/other -> a' }))
    assert.equal(plane.reconciler.status().warnings.length, 1)
    assert.equal(plane.log.of('config.warning').length, 1)
  })
})

describe('keys in KV', () => {
  it('serve beside the file, and leave when they are deleted', () => {
    const plane = start('routes: [/a -> a]')
    plane.reconciler.setEntries(kvTexts({ 'routes/k': '/k -> k', 'upstreams/k': 'balance: least-requests' }))
    assert.deepEqual([routeOf(plane, '/a'), routeOf(plane, '/k')], ['/a', 'k'])
    assert.equal(plane.upstreams.find('k')?.upstream.policy.balance.kind, 'least-requests')
    plane.reconciler.setEntries([])
    assert.deepEqual([routeOf(plane, '/a'), routeOf(plane, '/k')], ['/a', null])
    assert.equal(plane.upstreams.find('k'), null)
    assert.deepEqual(plane.reconciler.status().entries, [])
  })

  it('win over the same name in the file, with a warning; deleting one brings the file back', () => {
    const plane = start('routes: [{ name: r, match: { path: /old }, to: a }]')
    plane.reconciler.setEntries(kvTexts({ 'routes/r': '/new -> b' }))
    assert.deepEqual([routeOf(plane, '/old'), routeOf(plane, '/new')], [null, 'r'])
    assert.match(plane.reconciler.status().warnings[0]?.message ?? '', /overrides the route "r" at gateway\.yaml:2:10/)
    plane.reconciler.setEntries([])
    assert.deepEqual([routeOf(plane, '/old'), routeOf(plane, '/new')], ['r', null])
    assert.deepEqual(plane.reconciler.status().warnings, [])
  })

  it('are refused one by one: a bad one keeps its own last good value, the others go on', () => {
    const plane = start('')
    plane.reconciler.setEntries(kvTexts({ 'routes/x': '/x1 -> a', 'routes/y': '/y1 -> a' }))
    plane.reconciler.setEntries(kvTexts({ 'routes/x': '{ match: { pth: /x2 }, to: a }', 'routes/y': '/y2 -> a' }))
    assert.deepEqual([routeOf(plane, '/x1'), routeOf(plane, '/y1'), routeOf(plane, '/y2')], ['x', null, 'y'])
    const [bad, good] = [entry(plane, 'routes/x'), entry(plane, 'routes/y')]
    assert.deepEqual([bad?.state, bad?.servesOlder, good?.state], ['refused', true, 'applied'])
    assert.match(bad?.problems[0]?.message ?? '', /did you mean "path"/)
    plane.reconciler.setEntries(kvTexts({ 'routes/x': '/x3 -> a', 'routes/y': '/y2 -> a' }))
    assert.deepEqual([routeOf(plane, '/x1'), routeOf(plane, '/x3')], [null, 'x'])
    assert.equal(entry(plane, 'routes/x')?.state, 'applied')
  })

  it('that were never good serve nothing, and say so', () => {
    const plane = start('routes: [/a -> a]')
    plane.reconciler.setEntries(kvTexts({ 'routes/x': ': : :' }))
    assert.deepEqual([entry(plane, 'routes/x')?.state, entry(plane, 'routes/x')?.servesOlder], ['refused', false])
    assert.equal(routeOf(plane, '/a'), '/a')
    assert.equal(plane.reconciler.generation, 1)
  })

  it('are told as refused once per text', () => {
    const plane = start('')
    const bad = { 'routes/x': 'nonsense' }
    plane.reconciler.setEntries(kvTexts(bad))
    plane.reconciler.setEntries(kvTexts({ ...bad, 'routes/y': '/y -> y' }))
    assert.equal(plane.log.of('config.refused').length, 1)
    plane.reconciler.setEntries(kvTexts({ 'routes/x': 'other nonsense' }))
    assert.equal(plane.log.of('config.refused').length, 2)
  })

  it('serve nothing of what was deleted, also when they come back broken', () => {
    const plane = start('')
    plane.reconciler.setEntries(kvTexts({ 'routes/x': '/x -> a' }))
    plane.reconciler.setEntries([])
    plane.reconciler.setEntries(kvTexts({ 'routes/x': 'nonsense' }))
    assert.equal(routeOf(plane, '/x'), null)
    assert.equal(entry(plane, 'routes/x')?.servesOlder, false)
  })

  it('that say what they said change nothing', () => {
    const plane = start('')
    plane.reconciler.setEntries(kvTexts({ 'routes/x': '/x -> a' }))
    const { snapshot } = plane.gateway
    plane.reconciler.setEntries(kvTexts({ 'routes/x': '/x -> a' }))
    plane.reconciler.setEntries(kvTexts({ 'routes/x': '{ "match": { "path": "/x" }, "to": "a" }' }))
    assert.equal(plane.gateway.snapshot, snapshot)
  })

  it('tell each applied config to who runs its tasks', () => {
    const plane = start('')
    const names: string[][] = []
    plane.reconciler.onApplied = ({ tasks }) => void names.push(tasks.map(({ name }) => name))
    plane.reconciler.setEntries(kvTexts({ 'tasks/tick': '{ cron: "* * * * *", call: GET http://a/ }' }))
    plane.reconciler.setEntries(kvTexts({ 'tasks/tick': 'cron: nonsense' }))
    plane.reconciler.setEntries([])
    assert.deepEqual(names, [['tick'], []])
  })
})

describe('keys that take the same requests', () => {
  it('as another: the one written last is left out alone, and comes back when the other is gone', () => {
    const plane = start('')
    plane.reconciler.setEntries(kvTexts({ 'routes/first': '/x -> a', 'routes/second': '/x -> b', 'routes/third': '/z -> c' }))
    assert.deepEqual([routeOf(plane, '/x'), routeOf(plane, '/z')], ['first', 'third'])
    assert.match(entry(plane, 'routes/second')?.problems[0]?.message ?? '', /the same requests as route "first"/)
    assert.deepEqual([entry(plane, 'routes/first')?.state, entry(plane, 'routes/third')?.state], ['applied', 'applied'])
    assert.match(plane.log.of('config.refused')[0]?.msg ?? '', /kv:gateway\/routes\/second:1:1/)

    plane.reconciler.setEntries(kvTexts({ 'routes/second': '/x -> b', 'routes/third': '/z -> c' }))
    assert.equal(routeOf(plane, '/x'), 'second')
    assert.equal(entry(plane, 'routes/second')?.state, 'applied')
  })

  it('as a route of the file: the file stays, and the key comes back when the file changes', () => {
    const plane = start('routes: [/x -> a]')
    plane.reconciler.setEntries(kvTexts({ 'routes/k': '/x -> b' }))
    assert.equal(routeOf(plane, '/x'), '/x')
    assert.equal(entry(plane, 'routes/k')?.state, 'refused')
    plane.setFile('routes: [/y -> a]')
    assert.deepEqual([routeOf(plane, '/x'), routeOf(plane, '/y')], ['k', '/y'])
    assert.equal(entry(plane, 'routes/k')?.state, 'applied')
  })

  it('after a change fall back to what they said before', () => {
    const plane = start('')
    plane.reconciler.setEntries(kvTexts({ 'routes/first': '/x -> a', 'routes/second': '/y -> b' }))
    plane.reconciler.setEntries(kvTexts({ 'routes/first': '/x -> a', 'routes/second': '/x -> b' }))
    assert.deepEqual([routeOf(plane, '/x'), routeOf(plane, '/y')], ['first', 'second'])
    const status = entry(plane, 'routes/second')
    assert.deepEqual([status?.state, status?.servesOlder], ['refused', true])
  })

  it('as the older version that another key fell back to: that one served before, so the newcomer is left out', () => {
    const plane = start('routes: [/taken -> a]')
    plane.reconciler.setEntries(kvTexts({ 'routes/old': '/x -> a' }))
    plane.reconciler.setEntries(kvTexts({ 'routes/newcomer': '/x -> b', 'routes/old': '/taken -> a' }))
    assert.equal(routeOf(plane, '/x'), 'old')
    assert.deepEqual([entry(plane, 'routes/newcomer')?.state, entry(plane, 'routes/newcomer')?.servesOlder], ['refused', false])
    assert.deepEqual([entry(plane, 'routes/old')?.state, entry(plane, 'routes/old')?.servesOlder], ['refused', true])
  })
})

describe('a swap', () => {
  it('keeps the endpoints of a route that did not change, and ends those of one that left', async () => {
    const plane = start(
      'upstreams: { a: { instances: ["127.0.0.1:9"] }, b: { instances: ["127.0.0.1:10"] } }\nroutes: [/a -> a, /b -> b]',
    )
    const before = plane.upstreams.find('a')
    const endpoint = before?.upstream.members.all[0]?.endpoint
    assert.ok(endpoint)
    plane.setFile('upstreams: { a: { instances: ["127.0.0.1:9"], balance: weighted } }\nroutes: [/a -> a, /c -> a]')
    assert.equal(plane.upstreams.find('a')?.upstream, before?.upstream)
    assert.equal(plane.upstreams.find('a')?.upstream.members.all[0]?.endpoint, endpoint)
    assert.equal(plane.upstreams.find('a')?.upstream.policy.balance.kind, 'weighted')
    assert.equal(plane.upstreams.find('b'), null)
  })

  it('gives an upstream whose instances come from elsewhere now new endpoints', () => {
    const plane = start('upstreams: { a: { instances: ["127.0.0.1:9"] } }\nroutes: [/a -> a]')
    const before = plane.upstreams.find('a')?.upstream
    plane.setFile('upstreams: { a: { instances: ["127.0.0.1:10"] } }\nroutes: [/a -> a]')
    const after = plane.upstreams.find('a')?.upstream
    assert.notEqual(after, before)
    assert.equal(plane.gateway.snapshot.routes[0]?.to[0]?.upstream, after)
  })

  it('takes the mirror of a route that says the same to the upstream that is there now', () => {
    const text = 'upstreams: { b: { instances: ["127.0.0.1:9"] } }\nroutes: [{ name: r, to: a, mirror: b }]'
    const plane = start(text)
    const mirrorOf = () => plane.gateway.snapshot.routes[0]?.mirror?.target.upstream
    assert.equal(mirrorOf(), plane.upstreams.find('b')?.upstream)
    plane.setFile(text.replace(':9', ':10'))
    assert.equal(mirrorOf(), plane.upstreams.find('b')?.upstream)
  })

  it('is one assignment: whoever holds the snapshot before it sees nothing of it', () => {
    const plane = start('routes: [/a -> a]')
    const held = plane.gateway.snapshot
    plane.setFile('routes: [/b -> b]')
    assert.deepEqual(
      held.routes.map(({ name }) => name),
      ['/a'],
    )
    assert.equal(held.router.find(requestHead({ path: '/a' }))?.to[0]?.upstream.name, 'a')
    assert.notEqual(plane.gateway.snapshot, held)
  })

  it('leaves everything as it is if a file is too large', () => {
    const plane = start('routes: [/a -> a]')
    plane.reconciler.setFileText(fileText(`# ${'x'.repeat(1024 * 1024)}`))
    assert.match(plane.reconciler.status().file.problems[0]?.message ?? '', /bytes/)
    assert.equal(routeOf(plane, '/a'), '/a')
  })
})
