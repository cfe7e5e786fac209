import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { filterTable } from '../../../src/dataplane/filters/table.ts'
import type { FilterKind } from '../../../src/dataplane/filters/filter.ts'
import { loadUserModule } from '../../../src/dataplane/filters/user-modules.ts'
import { GatewayError } from '../../../src/errors.ts'
import { ask, filterOf } from '../../support/filter.ts'
import { requestHead } from '../../support/request-head.ts'

type FilterName = keyof typeof filterTable

const ownFilter = fileURLToPath(new URL('../../support/hostile-filter.ts', import.meta.url))
await loadUserModule(ownFilter)

// The least that each kind can be configured with: a new kind needs a line here.
const examples: Readonly<Record<FilterName, unknown>> = {
  rewritePath: { strip: '/api' },
  setHeaders: {},
  redirect: { to: 'https://example.com' },
  respond: {},
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

function isInvalid(message: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof GatewayError && error.code === 'config_invalid' && message.test(error.message)
}
