import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { assemble } from '../../src/config/assemble.ts'
import { entry, entryRefusals, fileRefusals, fileWith, listenersLine, refusals } from './sources.ts'

const file = fileWith(
  'routes: [{ name: shop, to: [{ upstream: blue }, { upstream: shop, where: { version: v2 }, weight: 0, name: green }] }]',
)

/** The weights of the route with these splits in KV. */
function weightsWith(splits: Readonly<Record<string, string>>) {
  const assembly = assemble(
    file,
    Object.entries(splits).map(([name, text]) => entry('split', name, text)),
  )
  return { weights: assembly.hot.routes[0]?.to.map(({ weight }) => weight), refused: entryRefusals(assembly) }
}

function refused(route: string): string {
  return fileRefusals(`${listenersLine}routes: [{ name: r, ${route} }]`, 'gateway.yaml').join()
}

describe('a split in KV', () => {
  test('gives all to the destination that it names, or weights to several', () => {
    assert.deepEqual(weightsWith({}).weights, [1, 0])
    assert.deepEqual(weightsWith({ shop: 'green' }).weights, [0, 1])
    assert.deepEqual(weightsWith({ shop: '{ blue: 90, green: 10 }' }).weights, [90, 10])
    assert.deepEqual(weightsWith({ shop: '{"green": 3}\n' }).weights, [0, 3])
  })

  test('is refused by itself, with what there is, if its route or a destination is not there', () => {
    const unknown = weightsWith({ shop: 'red' })
    assert.deepEqual(unknown.weights, [1, 0])
    assert.match(
      unknown.refused.join(),
      /kv:gateway\/splits\/shop.*"red" is no destination of the route: write one of blue, green/,
    )
    assert.match(weightsWith({ shoes: 'green' }).refused.join(), /kv:gateway\/splits\/shoes.*no route of that name/)
  })

  test('is refused if nobody gets anything, or it is no split', () => {
    for (const text of ['{ blue: 0 }', '{}'])
      assert.match(refusals(() => entry('split', 'shop', text)).join(), /nobody gets any traffic/)
    assert.match(refusals(() => entry('split', 'shop', '')).join(), /is empty: write green, or/)
    assert.match(refusals(() => entry('split', 'shop', '{ blue: -1 }')).join(), /blue/)
    assert.match(refusals(() => entry('split', 'shop', '[blue]')).join(), /expected text or settings|write green/)
  })
})

describe('the destinations of a route', () => {
  test('have names that no two share, a written one or that of the upstream', () => {
    assert.match(
      refused('to: [{ upstream: a, name: x }, { upstream: b, name: x }]'),
      /routes\[0\]\.to\[1\]\.name: "x" stands in \[0\]/,
    )
    assert.match(refused('to: [{ upstream: a }, { upstream: b, name: a }]'), /"a" stands in \[0\]/)
    assert.equal(refused('to: [{ upstream: a, where: { v: "1" } }, { upstream: a, where: { v: "2" } }, { upstream: a }]'), '')
  })

  test('are not the same part of one upstream, whatever their names', () => {
    assert.match(refused('to: [{ upstream: a, name: x }, { upstream: a, name: y }]'), /"a" stands in \[0\]/)
  })

  test('are chosen by what a request can have', () => {
    assert.equal(refused('to: a, split: { by: cookie uid, force: header x-variant }'), '')
    assert.equal(refused('to: a, split: { force: [header x-variant, cookie variant] }'), '')
    assert.match(refused('to: a, split: { by: user }'), /is not a key of a request/)
    assert.match(refused('to: a, split: { force: client.ip }'), /nothing that can name a destination/)
  })
})
