import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { assemble } from '../../src/config/assemble.ts'
import { formatProblem } from '../../src/config/problem.ts'
import { entry, entryRefusals, fileWith, refusals } from './sources.ts'

describe('an entry of KV', () => {
  test('is the object of the file without its name, as YAML or JSON', () => {
    const yaml = entry('route', 'shop', 'match: { path: /shop/* }\nto: shop\n')
    const json = entry('route', 'shop', '{ "match": { "path": "/shop/*" }, "to": [{ "upstream": "shop" }] }')
    assert.deepEqual(yaml.value, json.value)
    assert.equal(yaml.value.name, 'shop')
  })

  test('can be a route in one line, which has the name of its key', () => {
    const { value } = entry('route', 'shop', '/shop/* -> shop')
    assert.equal(value.name, 'shop')
  })

  test('may repeat its name, but not say another', () => {
    assert.equal(entry('route', 'shop', '{ name: shop, to: shop }').value.name, 'shop')
    assert.deepEqual(
      refusals(() => entry('route', 'shop', '{ to: shop, name: shoe }')),
      ['kv:gateway/routes/shop:1:19 name: the key says "shop": take the name out, or write name: shop'],
    )
    assert.match(
      refusals(() => entry('task', 't', '{ name: u, cron: "0 3 * * *", call: GET http://a/ }')).join(),
      /the key says "t"/,
    )
  })

  test('that has lost its line breaks on the way is refused with the way to keep them', () => {
    const hint = /; line breaks are missing: use curl --data-binary$/
    for (const text of ['match:  path: /shop/*to: shop', '# shop match:  path: /shop/*to: shop', 'to: shopretry:  attempts: 2'])
      assert.match(refusals(() => entry('route', 'shop', text))[0] ?? '', hint, text)
    for (const text of [
      '{ match: { pth: /shop/* }, to: shop }',
      'tp: shop',
      'tp: "match: a to: b"',
      'match:\n  pth: /x\nto: shop\n',
    ])
      assert.doesNotMatch(refusals(() => entry('route', 'shop', text)).join(), hint, text)
  })

  test('that is large is looked through for lost line breaks in one pass', () => {
    const began = performance.now()
    for (const part of ['x', '{', '[', '"', "'", '-: '])
      refusals(() => entry('route', 'shop', `# ${part.repeat(600_000)}`.slice(0, 600_000)))
    assert.ok(performance.now() - began < 5_000)
  })

  test('is refused with its key, line, column, path and the fix', () => {
    assert.deepEqual(
      refusals(() => entry('route', 'hello', 'match: { pth: /greetings/* }\nto: hello\n')),
      ['kv:gateway/routes/hello:1:10 match.pth: unknown key, did you mean "path"?'],
    )
    assert.deepEqual(
      refusals(() => entry('upstream', 'shop', 'health: { every: 5 }')),
      ['kv:gateway/upstreams/shop:1:18 health.every: a duration needs a unit: write 5s, not 5'],
    )
  })

  test('is refused when it is empty or its key is no name', () => {
    for (const kind of ['route', 'upstream', 'task'] as const) {
      assert.match(refusals(() => entry(kind, 'a', '')).join(), /:1:1 is empty: write .* or delete the key/)
      assert.match(refusals(() => entry(kind, 'a/b', 'x')).join(), /the key's name "a\/b" is not a name/)
    }
  })

  test('can be an upstream and a task', () => {
    const upstream = entry('upstream', 'shop', '{ balance: least-requests }')
    const task = entry('task', 'tick', '{ "cron": "* * * * * *", "call": "GET http://hello/tick" }')
    const { hot } = assemble(fileWith(''), [upstream, task])
    assert.equal(hot.upstreams[0]?.policy.balance.kind, 'least-requests')
    assert.deepEqual(
      hot.tasks.map(({ name, kind }) => ({ name, kind })),
      [{ name: 'tick', kind: 'call' }],
    )
  })
})

describe('an entry beside the file', () => {
  const file = fileWith(`
defaults: { timeouts: { connect: 3s } }
routes:
  - { name: shop, match: { path: /shop/* }, to: shop }
upstreams: { shop: { balance: weighted, maxQueued: 5 } }
tasks: [{ name: t, cron: "0 3 * * *", call: GET http://a/b }]
`)

  test('takes the place of the same name, whole, and says so', () => {
    const { hot, warnings } = assemble(file, [
      entry('route', 'shop', '/other/* -> other'),
      entry('upstream', 'shop', '{ balance: least-requests }'),
      entry('task', 't', '{ cron: "0 4 * * *", prune: { after: 1h } }'),
    ])
    assert.deepEqual(
      hot.routes.map(({ match }) => match.path),
      ['/other/*'],
    )
    assert.equal(hot.upstreams.length, 1)
    assert.equal(hot.upstreams[0]?.policy.balance.kind, 'least-requests')
    assert.equal(hot.upstreams[0]?.policy.maxQueued, 1_024)
    assert.equal(hot.upstreams[0]?.policy.timeouts.connectMs, 3_000)
    assert.equal(hot.tasks[0]?.kind, 'prune')
    assert.deepEqual(warnings.map(formatProblem), [
      'kv:gateway/routes/shop:1:1 overrides the route "shop" at gateway.yaml:5:5',
      'kv:gateway/upstreams/shop:1:1 overrides the upstream "shop" at gateway.yaml:6:14',
      'kv:gateway/tasks/t:1:1 overrides the task "t" at gateway.yaml:7:9',
    ])
  })

  test('is left out alone when it takes the same requests as a route of the file', () => {
    const assembly = assemble(file, [entry('route', 'twin', '/shop/* -> twin'), entry('route', 'fine', '/fine -> fine')])
    assert.deepEqual(assembly.fileProblems, [])
    assert.deepEqual(entryRefusals(assembly), [
      'kv:gateway/routes/twin:1:1 takes the same requests as route "shop" at gateway.yaml:5:5: narrow its match, set match.priority, or take one out',
    ])
    assert.deepEqual(
      assembly.hot.routes.map(({ name }) => name),
      ['shop', 'fine'],
    )
  })

  test('stays when a later entry takes the same requests', () => {
    const assembly = assemble(file, [entry('route', 'b', '/x -> b'), entry('route', 'a', '/x -> a')])
    assert.deepEqual([...assembly.entryProblems.keys()], ['kv:gateway/routes/a'])
    assert.deepEqual(
      assembly.hot.routes.map(({ name }) => name),
      ['shop', 'b'],
    )
  })

  test('that is left out gives the place back to what it overrode, also against other entries', () => {
    // "shop" moves to /x, which "b" has; when it is left out, the file's /shop/* is back and "c" has to go too.
    const assembly = assemble(file, [
      entry('route', 'b', '/x -> b'),
      entry('route', 'shop', '/x -> shop'),
      entry('route', 'c', '/shop/* -> c'),
    ])
    assert.deepEqual([...assembly.entryProblems.keys()], ['kv:gateway/routes/shop', 'kv:gateway/routes/c'])
    assert.deepEqual(
      assembly.hot.routes.map(({ name, match }) => `${name} ${match.path}`),
      ['shop /shop/*', 'b /x'],
    )
  })

  test('that can never be chosen is a warning', () => {
    const { warnings, entryProblems } = assemble(file, [
      entry('route', 'wide', '{ match: { path: /w/*, priority: 5 }, to: w }'),
      entry('route', 'narrow', '{ match: { path: /w/x }, to: w }'),
    ])
    assert.equal(entryProblems.size, 0)
    assert.deepEqual(warnings.map(formatProblem), [
      'kv:gateway/routes/narrow:1:1 can never be chosen: route "wide" at kv:gateway/routes/wide:1:1 takes all of it; set match.priority, or take it out',
    ])
  })
})

test('two routes of a file that cannot be told apart are problems of the file, whatever KV overrides', () => {
  const file = fileWith('routes: [/a -> x, { name: b, match: { path: /a }, to: y }]')
  const { fileProblems } = assemble(file, [entry('route', 'b', '/b -> y')])
  assert.equal(fileProblems.length, 1)
  assert.match(
    formatProblem(fileProblems[0] ?? assert.fail()),
    /^gateway\.yaml:2:19 routes\[1\]: takes the same requests as route "\/a" at gateway\.yaml:2:10/,
  )
})
