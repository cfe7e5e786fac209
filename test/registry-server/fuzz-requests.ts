import * as fc from 'fast-check'
import { routes } from '../../src/registry-server/api/table.ts'

/** One request as the fuzz test sends it. */
export interface FuzzRequest {
  readonly method: string
  /** Path and query as they go over the wire. */
  readonly target: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  /** Whether the body's length is told (else it is chunked). */
  readonly tellsLength: boolean
}

// Few names, so that requests meet.
const ids = [
  'a',
  'b',
  'web',
  'web-1',
  'n1',
  'ext',
  'dir/',
  'dir/a',
  'dir/b',
  'serfHealth',
  'consul',
  'service:web',
  'any',
  'critical',
  '_agent',
]
const sessionId = '11111111-2222-3333-4444-555555555555'
const odd = [
  '',
  '/',
  '..',
  '../a',
  '//',
  '%2F',
  '%00',
  '%zz',
  'ä',
  '💥',
  ' ',
  '\\',
  '"',
  "'",
  '*',
  '{}',
  '-1',
  '0',
  '1',
  '1.5',
  'true',
  'nan',
  'x'.repeat(300),
]
const numbers = ['18446744073709551615', '18446744073709551616', '9007199254740993', '-0', '1e9', '0x10']
const someId = fc.constantFrom(...ids, sessionId)
const someText = fc.oneof(
  { weight: 5, arbitrary: someId },
  { weight: 3, arbitrary: fc.constantFrom(...odd, ...numbers) },
  { weight: 2, arbitrary: fc.string({ maxLength: 20 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) },
)

const otherMethods = ['GET', 'PUT', 'DELETE', 'POST', 'HEAD', 'OPTIONS', 'PATCH', 'TRACE', 'PROPFIND']
// All the paths about access control answer alike, leaving is for the end of a test, and a monitor has no end.
const left = ['/v1/agent/leave', '/v1/agent/monitor']
const paths = Object.keys(routes).filter(
  (path) => !left.includes(path) && (!path.startsWith('/v1/acl/') || path === '/v1/acl/list'),
)
const somePath = fc.constantFrom(...paths)
const withRest = fc
  .tuple(somePath, someText)
  .map(([route, rest]) => ({ route, path: route.endsWith('/') ? route + rest : route }))
const path = fc.oneof(
  { weight: 8, arbitrary: withRest },
  { weight: 1, arbitrary: fc.tuple(somePath, someText).map(([route, rest]) => ({ route, path: `${route}/${rest}` })) },
  { weight: 1, arbitrary: someText.map((text) => ({ route: '', path: `/${text}` })) },
)

/** A method and a path: mostly one that the path has. */
const place = fc.tuple(path, fc.nat(), fc.nat(9)).map(([{ route, path }, pick, dice]) => {
  const own = Object.keys(routes[route] ?? {})
  const methods = own.length > 0 && dice > 0 ? own : otherMethods
  return { path, method: methods[pick % methods.length] ?? 'GET' }
})

const queryNames = (
  'dc token ns index wait stale consistent cached pretty recurse raw keys separator seperator cas flags acquire release near filter tag passing ' +
  'node-meta replace-existing-checks note enable reason node service hash format limit wan prune type max_stale leader-cache'
).split(' ')
const queryValues = [
  'dc1',
  '5s',
  '1ms',
  'k:v',
  'Service.Port == 80',
  'Node == "n1" and',
  'Meta["a',
  'not not x is empty',
  '((((((((((',
  'a in a in a',
  'x matches "(a+)+$"',
  'Service.Tags contains "x"',
  'text',
  sessionId,
]
const query = fc
  .array(
    fc.tuple(
      fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...queryNames) }, { weight: 1, arbitrary: someText }),
      fc.oneof(someText, fc.constantFrom(...queryValues)),
    ),
    {
      maxLength: 4,
    },
  )
  // What blocks is to end soon.
  .map((pairs) =>
    pairs.some(([name]) => name === 'index' || name === 'hash')
      ? [...pairs.filter(([name]) => name !== 'wait'), ['wait', '1ms']]
      : pairs,
  )

const check = {
  CheckID: 'c',
  Name: 'c',
  TTL: '1h',
  Status: 'passing',
  Notes: 'n',
  SuccessBeforePassing: 1,
  DeregisterCriticalServiceAfter: '10m',
}
const httpCheck = {
  Name: 'h',
  HTTP: 'http://127.0.0.1:1/',
  Header: { a: ['b'] },
  Method: 'GET',
  Interval: '1h',
  Timeout: '1s',
  TLSSkipVerify: true,
}
const service = {
  ID: 'web-1',
  Name: 'web',
  Tags: ['a', 'b'],
  Address: '127.0.0.1',
  Port: 80,
  Meta: { k: 'v' },
  Weights: { Passing: 1, Warning: 1 },
}
const bodies: readonly unknown[] = [
  { ...service, Check: check, TaggedAddresses: { lan: { Address: '127.0.0.1', Port: 80 } } },
  { ...service, Checks: [check, httpCheck], EnableTagOverride: true },
  { ID: 'c', Name: 'c', ServiceID: 'web-1', TTL: '1h' },
  { Name: 'alias', AliasService: 'web-1' },
  { Status: 'warning', Output: 'text' },
  { Name: 's', TTL: '10s', LockDelay: '1s', Behavior: 'delete', NodeChecks: ['serfHealth'], ServiceChecks: [{ ID: 'c' }] },
  {
    Node: 'ext',
    Address: '127.0.0.2',
    NodeMeta: { k: 'v' },
    Service: { Service: 'web', Port: 1 },
    Check: { Name: 'x', Status: 'critical', ServiceID: 'web' },
  },
  { Node: 'ext', ServiceID: 'web', CheckID: 'x' },
  [
    { KV: { Verb: 'set', Key: 'dir/a', Value: 'eA==', Flags: 1 } },
    { KV: { Verb: 'cas', Key: 'dir/a', Value: 'eQ==', Index: 1 } },
    { KV: { Verb: 'get-tree', Key: 'dir/' } },
    { KV: { Verb: 'lock', Key: 'dir/b', Session: sessionId } },
    { Node: { Verb: 'get', Node: { Node: 'n1' } } },
    { Service: { Verb: 'set', Node: 'ext', Service: { ID: 'web', Service: 'web', Port: 80 } } },
    { Check: { Verb: 'delete', Check: { Node: 'ext', CheckID: 'x' } } },
  ],
  {
    Name: 'q',
    Session: '',
    Token: '',
    Service: { Service: 'web', Tags: ['a'], OnlyPassing: true, Near: '_agent' },
    DNS: { TTL: '10s' },
  },
  { Node: 'n1', Segment: '', Coord: { Vec: [0, 0], Error: 1.5, Adjustment: 0, Height: 0.1 } },
]

/** A value with one part of it replaced, removed or renamed; which part and by what the numbers say. */
function mutated(value: unknown, picks: readonly number[], replacement: unknown): unknown {
  const [pick = 0, ...rest] = picks
  if (picks.length === 0 || typeof value !== 'object' || value === null) return replacement
  if (Array.isArray(value)) {
    const at = pick % (value.length + 1)
    return at === value.length
      ? [...value, replacement]
      : value.map((item: unknown, n) => (n === at ? mutated(item, rest, replacement) : item))
  }
  const entries = Object.entries(value)
  const at = pick % (entries.length + 1)
  if (at === entries.length) return { ...value, [JSON.stringify(replacement).slice(0, 20)]: replacement }
  return Object.fromEntries(entries.map(([name, item], n) => [name, n === at ? mutated(item, rest, replacement) : item]))
}

const jsonBody = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...bodies) },
  {
    weight: 5,
    arbitrary: fc
      .tuple(
        fc.constantFrom(...bodies),
        fc.array(fc.nat(30), { minLength: 1, maxLength: 4 }),
        fc.oneof(fc.jsonValue({ maxDepth: 2 }), someText),
      )
      .map(([body, picks, replacement]) => mutated(body, picks, replacement)),
  },
  { weight: 1, arbitrary: fc.jsonValue() },
)

const body = fc.oneof(
  { weight: 200, arbitrary: fc.constant(Buffer.alloc(0)) },
  { weight: 400, arbitrary: jsonBody.map((value) => Buffer.from(JSON.stringify(value))) },
  {
    weight: 50,
    arbitrary: fc.tuple(jsonBody, fc.nat(40)).map(([value, cut]) => Buffer.from(JSON.stringify(value).slice(0, -cut))),
  },
  { weight: 100, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
  { weight: 1, arbitrary: fc.constantFrom(524_288, 524_289, 700_000).map((size) => Buffer.alloc(size, 'x')) },
  { weight: 5, arbitrary: fc.nat(20_000).map((depth) => Buffer.from(`${'['.repeat(depth)}${']'.repeat(depth)}`)) },
)

const headers = fc.dictionary(
  fc.constantFrom(
    'X-Consul-Token',
    'Authorization',
    'Accept-Encoding',
    'Accept',
    'Cache-Control',
    'Content-Type',
    'X-Consul-Namespace',
  ),
  fc.constantFrom('gzip', 'text/plain', 'Bearer x', 'max-age=5, stale-if-error=x', 'no-cache', '', 'a, b;q=0'),
  { maxKeys: 2 },
)

/** Requests that are right, nearly right, or nonsense. */
export const fuzzRequest: fc.Arbitrary<FuzzRequest> = fc
  .tuple(place, query, headers, body, fc.boolean())
  .map(([{ method, path }, query, headers, body, tellsLength]) => ({
    method,
    target: targetOf(path, query),
    headers,
    body: method === 'HEAD' || method === 'TRACE' ? Buffer.alloc(0) : body,
    tellsLength,
  }))

/** Only what no client can send is encoded: the rest goes as it is. */
function targetOf(path: string, query: readonly (readonly string[])[]): string {
  const raw =
    query.length === 0
      ? path
      : `${path}?${query.map(([name = '', value = '']) => (value === '' ? name : `${name}=${encodeURIComponent(wellFormed(value))}`)).join('&')}`
  return wellFormed(raw).replace(/[^!-~]|#/gu, (character) => encodeURIComponent(character))
}

function wellFormed(text: string): string {
  return text.toWellFormed()
}
