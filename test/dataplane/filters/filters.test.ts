import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { filterTable } from '../../../src/dataplane/filters/table.ts'
import type { FilterKind } from '../../../src/dataplane/filters/filter.ts'
import { loadUserModule } from '../../../src/user-modules.ts'
import { GatewayError } from '../../../src/errors.ts'
import { assertFields } from '../../../src/dataplane/http/legal-fields.ts'
import { ask, filterOf, KeptDownstream } from '../../support/filter.ts'
import { requestHead } from '../../support/request-head.ts'

type FilterName = keyof typeof filterTable

const ownFilter = fileURLToPath(new URL('../../support/hostile-filter.ts', import.meta.url))
await loadUserModule(ownFilter)

// What each kind can be configured with: a new kind needs a line here.
const examples: Readonly<Record<FilterName, unknown>> = {
  rewritePath: { strip: '/api' },
  setHeaders: { request: { 'x-tenant': 'acme' }, response: { 'x-via': 'us' } },
  redirect: { to: 'https://example.com' },
  respond: { body: 'back at nine', headers: { 'x-why': 'maintenance' } },
  rateLimit: { rate: '10/s', fields: false },
  ipAllow: { addresses: ['192.0.2.0/24'] },
  ipDeny: { addresses: ['192.0.2.1'] },
  basicAuth: { users: { alice: '$2b$04$T1ATcBBx90/2mml4J37tEuD6FaDXp2KQhc9dbvPjnfeNRfP0D2cBu' } },
  apiKey: { keys: { partner: 'a-key-of-the-partner' } },
  jwt: { secret: 'a secret of at least 32 characters' },
  forwardAuth: { url: 'http://auth.example.com/' },
  bodyLimit: { max: '1MiB' },
  cors: { origins: ['https://app.example.com'] },
  securityHeaders: {},
  requestId: {},
  faultInjection: { abort: {} },
  compress: {},
  errorPages: { pages: { '5xx': { body: 'sorry' } } },
  timeout: { total: '2s' },
  module: { file: ownFilter },
}

for (const [name, kind] of Object.entries<FilterKind<unknown>>(filterTable)) {
  const example = examples[name as FilterName]

  describe(`the filter ${name}`, () => {
    it('is made from its config, and from its config parsed before', () => {
      const parsed = kind.options.parse(example)
      assert.deepEqual(kind.options.parse(parsed), parsed)
      assert.ok(filterOf(name, example))
      assert.ok(filterOf(name, parsed))
    })

    it('refuses an option that it does not have, and options that are no object', () => {
      for (const options of [{ ...Object(example), surprise: 1 }, null, 'x', 7, []]) {
        assert.throws(() => filterOf(name, options), isInvalid(new RegExp(`filter ${name}: `)))
      }
    })

    it('describes itself and each of its options', () => {
      const schema = z.toJSONSchema(kind.options, { io: 'input' })
      assert.ok(schema.description)
      assert.ok(Object.keys(schema.properties ?? {}).length > 0)
      for (const [option, described] of Object.entries(schema.properties ?? {})) {
        assert.ok(typeof described === 'object' && described.description, `${name}.${option} has no description`)
      }
    })

    it(
      'writes no line break into a head, whatever its options say',
      { skip: name === 'module' && 'is guarded instead' },
      async () => {
        for (const options of poisoned(kind, example)) {
          if (!kind.options.safeParse(options).success) continue
          const filter = filterOf(name, options)
          const request = requestHead({ path: '/api/x', headers: ['Origin', 'https://app.example.com'] })
          const reply = name === 'forwardAuth' ? undefined : await ask(filter, request)
          const response = { status: reply?.status ?? 200, headers: reply?.headers ?? ['B', '2'] }
          filter.onResponse?.(response, request)
          const client = new KeptDownstream()
          const downstream = filter.onResponseBody?.(client, request) ?? client
          downstream.head({ ...response, status: 500 })
          downstream.destroy()
          filter.close?.()
          for (const headers of [request.headers, client.headers]) assert.doesNotThrow(() => assertFields(headers))
          assert.doesNotMatch(request.path + request.query, /[\r\n]/)
        }
      },
    )

    // What another service says is not the filter's own doing.
    it(
      'serves many requests alike: it keeps nothing of one',
      { skip: name === 'forwardAuth' && 'asks another service' },
      async () => {
        const filter = filterOf(name, example)
        const answers = []
        for (let i = 0; i < 2; i++) {
          const request = requestHead({ path: '/api/x', headers: ['A', '1'] })
          const reply = await ask(filter, request)
          const response = { status: reply?.status ?? 200, headers: reply?.headers ?? ['B', '2'] }
          filter.onResponse?.(response, request)
          answers.push(structuredClone({ request, reply, response }))
          response.headers.push('X-Spoilt', 'yes')
        }
        assert.deepEqual(answers[0], answers[1])
      },
    )
  })
}

describe('the table of filters', () => {
  it('refuses a kind that it does not have and says which it has', () => {
    for (const kind of ['rewrite', '', 'constructor', '__proto__']) {
      assert.throws(() => filterOf(kind, {}), isInvalid(/there are rewritePath, /))
    }
  })
})

/** Its example with a line break in each text of it, and in the examples of its options. */
function poisoned(kind: FilterKind<unknown>, example: unknown): readonly unknown[] {
  const { properties = {} } = z.toJSONSchema(kind.options, { io: 'input' })
  const examples = Object.entries(properties).flatMap(([option, described]) =>
    ((described as { examples?: unknown[] }).examples ?? []).map((value) => ({ ...Object(example), [option]: value })),
  )
  return [example, ...examples].flatMap((options) => everyText(options).map((at) => withLineBreak(options, at)))
}

/** The ways to the texts in it. */
function everyText(value: unknown, way: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof value === 'string') return [way]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => everyText(inner, [...way, key]))
}

function withLineBreak(value: unknown, [key, ...rest]: readonly string[]): unknown {
  if (key === undefined) return `${String(value)}\r\nX-Evil: 1`
  const changed = structuredClone(value) as Record<string, unknown>
  changed[key] = withLineBreak(changed[key], rest)
  return changed
}

function isInvalid(message: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof GatewayError && error.code === 'config_invalid' && message.test(error.message)
}
