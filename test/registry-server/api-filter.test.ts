import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { nodeFields, serviceFields } from '../../src/registry-server/api/filter/fields.ts'
import { readFilter } from '../../src/registry-server/api/filter/filter.ts'
import { Refusal } from '../../src/registry-server/refusal.ts'
import { openRegistry } from './registry.ts'

const service = {
  ID: 'web-1',
  Service: 'web',
  Tags: ['v1', 'primary'],
  Port: 8080,
  Meta: { version: '1.0', 'a b': 'x' },
  EnableTagOverride: true,
  Weights: { Passing: 10, Warning: 1 },
  TaggedAddresses: { wan: { Address: '198.51.100.2', Port: 80 } },
}

function isWanted(expression: string): boolean {
  return readFilter(new URLSearchParams({ filter: expression }), serviceFields)(service)
}

test('filter expressions choose by every operator', () => {
  const wanted = [
    'Service == web',
    'Service == "web"',
    'Service == `web`',
    'Service != api',
    'Port == 8080',
    'Port == "8080"',
    'Port == "0x1f90"',
    'EnableTagOverride == true',
    'v1 in Tags',
    'Tags contains primary',
    'v2 not in Tags',
    'Tags not contains v2',
    'Tags is not empty',
    'Meta contains version',
    'Meta.version == "1.0"',
    'Meta["a b"] == x',
    'Meta.nope != x',
    'Meta.nope matches x',
    'Service matches "^w.b$"',
    'Service not matches "^a"',
    'eb in Service',
    'Weights.Passing == 10',
    'TaggedAddresses.wan.Port == 80',
    'Proxy.Upstreams is empty',
    'Proxy.DestinationServiceName == ""',
    'Service == api or Port == 8080',
    'Service == web and not Port == 1',
    'not not Service == web',
    '(Service == api or Service == web) and (Port == 8080)',
    ' ( Service == web ) ',
  ]
  for (const expression of wanted) assert.equal(isWanted(expression), true, expression)
  for (const expression of ['Service == api', 'Meta.nope == x', 'Tags is empty', 'not Service == web', 'Port != 8080']) {
    assert.equal(isWanted(expression), false, expression)
  }
})

test('of a list any element may match', () => {
  const rows = { kind: 'list', of: nodeFields } as const
  const filter = readFilter(new URLSearchParams({ filter: 'Rows.Node == b' }), { kind: 'object', fields: { Rows: rows } })
  assert.equal(filter({ Rows: [{ Node: 'a' }, { Node: 'b' }] }), true)
  assert.equal(filter({ Rows: [{ Node: 'a' }] }), false)
  assert.equal(filter({ Rows: [] }), false)
})

// Each sentence was measured on Consul 1.8.7.
const refusals = {
  'Nope == 1': 'Selector "Nope" is not valid',
  'Meta.a.b == 1': 'Selector "Meta.a.b" is not valid',
  'Service == ': '1:12 (11): no match found, expected: "-", "0", "\\"", "`", [ \\t\\r\\n], [1-9] or [a-zA-Z]',
  'Service = web': '1:9 (8): no match found, expected: "!=", "==", "contains", "in", "is", "matches", "not" or [ \\t\\r\\n]',
  'Service == web and': '1:19 (18): no match found, expected: [ \\t\\r\\n]',
  'Service == ext-1': '1:15 (14): no match found, expected: ".", "[", [ \\t\\r\\n], [a-zA-Z0-9_] or EOF',
  'Service == "é" x': '1:16 (16): no match found, expected: "and", "or", [ \\t\\r\\n] or EOF',
  'Service == "web': '1:16 (15): rule "string": Unterminated string literal',
  '(Service == web': '1:16 (15): rule "grouping": Unmatched parentheses',
  'Port == 1.2.3': '1:12 (11): rule "number": Invalid number literal',
  '1 in 2': '1:6 (5): rule "match": Invalid selector',
  'Meta[zone] == x': '1:6 (5): rule "index": Invalid index',
  'Meta["zone" == x': '1:13 (12): rule "index": Unclosed index expression',
  'Service == "a\\qb"': '1:12 (11): rule "string": invalid syntax',
  'Port == abc': 'Failed to coerce value "abc" for selector "Port": strconv.ParseInt: parsing "abc": invalid syntax',
  'Port == 99999999999999999999':
    'Failed to coerce value "99999999999999999999" for selector "Port": strconv.ParseInt: parsing "99999999999999999999": value out of range',
  'EnableTagOverride == xx':
    'Failed to coerce value "xx" for selector "EnableTagOverride": strconv.ParseBool: parsing "xx": invalid syntax',
  'Port is empty': 'Invalid match operator "Is Empty" for selector "Port"',
  'Tags == v1': 'Invalid match operator "Equal" for selector "Tags"',
  'Service matches "["': 'Failed to compile regular expression "[": error parsing regexp: missing closing ]: `[`',
}

test('what cannot be read is refused in the words of Consul', () => {
  for (const [expression, reason] of Object.entries(refusals)) {
    assert.throws(
      () => isWanted(expression),
      (error: unknown) =>
        error instanceof Refusal &&
        assert.equal(error.message, `Failed to create boolean expression evaluator: ${reason}`) === undefined,
      expression,
    )
  }
})

test('no expression takes long or breaks the parser', () => {
  const token = fc.constantFrom(
    '(',
    ')',
    'not ',
    'Service',
    ' == ',
    ' and ',
    ' or ',
    ' in ',
    '"',
    '`',
    '.',
    '[',
    ']',
    '1',
    '-',
    'é',
    ' ',
  )
  fc.assert(
    fc.property(fc.array(token, { maxLength: 60 }), (tokens) => {
      try {
        isWanted(tokens.join(''))
      } catch (error) {
        assert.ok(error instanceof Refusal, String(error))
      }
    }),
  )
  // Without a memory of what was parsed, each parenthesis would multiply the time.
  for (const expression of ['('.repeat(500), `${'('.repeat(300)}Service == web${')'.repeat(300)}`, 'not '.repeat(4000)]) {
    const startedAt = performance.now()
    assert.throws(() => isWanted(`${expression} x`), Refusal)
    assert.ok(performance.now() - startedAt < 2000, expression.slice(0, 10))
  }
})

test('a pattern that makes other engines backtrack for ever ends soon', () => {
  const startedAt = performance.now()
  const filter = readFilter(new URLSearchParams({ filter: 'Service matches "^(a+)+$"' }), serviceFields)
  assert.equal(filter({ Service: `${'a'.repeat(60)}b` }), false)
  assert.ok(performance.now() - startedAt < 2000)
})

test('every read that takes a filter applies it', async (context) => {
  const registry = await openRegistry(context)
  for (const [ID, Port] of [
    ['a', 1],
    ['b', 2],
  ] as const) {
    await registry.put('/v1/agent/service/register', { ID, Name: 'web', Port, Check: { CheckID: ID, TTL: '60s' } })
  }
  const find = async (path: string, filter: string): Promise<unknown> =>
    (await registry.get(`${path}?filter=${encodeURIComponent(filter)}`)).json()
  assert.deepEqual(Object.keys((await find('/v1/agent/services', 'Port == 2')) as object), ['b'])
  assert.deepEqual(Object.keys((await find('/v1/agent/checks', 'CheckID == a')) as object), ['a'])
  const count = async (path: string, filter: string): Promise<number> => ((await find(path, filter)) as unknown[]).length
  assert.equal(await count('/v1/health/service/web', 'Service.Port == 2'), 1)
  assert.equal(await count('/v1/health/service/web', 'Checks.CheckID == a'), 1)
  assert.equal(await count('/v1/health/checks/web', 'CheckID == b'), 1)
  assert.equal(await count('/v1/health/state/any', 'ServiceName == web'), 2)
  assert.equal(await count('/v1/health/node/n1', 'CheckID == serfHealth'), 1)
  assert.equal(await count('/v1/catalog/service/web', 'ServicePort != 2'), 1)
  assert.equal(await count('/v1/catalog/nodes', 'Node == nope'), 0)
  const node = (await find('/v1/catalog/node/n1', 'Port == 1')) as { Services: object }
  assert.deepEqual(Object.keys(node.Services), ['a'])
})
