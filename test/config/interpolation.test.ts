import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { interpolate } from '../../src/config/interpolate.ts'
import { entry, fileWith, refusals } from './sources.ts'

describe('a value', () => {
  const env = { HOST: 'shop.example.com', EMPTY: '', TRAP: '${env:HOST}' }

  for (const [written, text] of [
    ['${env:HOST}', 'shop.example.com'],
    ['https://${env:HOST}/x?${env:HOST}', 'https://shop.example.com/x?shop.example.com'],
    ['${env:EMPTY}', ''],
    ['${env:EMPTY:-8080}', '8080'],
    ['${env:NONE:-}', ''],
    ['${env:NONE:-a:b-c}', 'a:b-c'],
    ['$${env:HOST} $5 {x}', '${env:HOST} $5 {x}'],
    // What came from outside is not read again.
    ['${env:TRAP}', '${env:HOST}'],
  ] as const) {
    test(`"${written}" becomes "${text}"`, () => assert.deepEqual(interpolate(written, { env }), { text, problems: [] }))
  }

  for (const [written, problem] of [
    ['${env:NONE}', /NONE is not set: set it, or give a default with "\$\{env:NONE:-default\}"/],
    ['${env:toString}', /toString is not set/],
    ['${HOST}', /write "\$\{env:HOST\}"/],
    ['${vault:x}', /only .* are known/],
    ['${env:HOST', /never closed/],
    ['${file:}', /only .* are known/],
    ['${file:/nowhere/at/all}', /\/nowhere\/at\/all cannot be read \(ENOENT\)/],
  ] as const) {
    test(`"${written}" is refused with the fix`, () => assert.match(interpolate(written, { env }).problems.join(), problem))
  }

  test('can be the content of a file, without the line end at its end', () => {
    const folder = mkdtempSync(join(tmpdir(), 'meshgate-'))
    try {
      writeFileSync(join(folder, 'token'), 's3cret\n')
      assert.equal(interpolate(`\${file:${join(folder, 'token')}}`, { env }).text, 's3cret')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe('in a file', () => {
  test('values are filled in, keys and comments are not', () => {
    const { cold } = fileWith('admin: { bind: ":${env:PORT}" } # ${env:NOPE}\n', { env: { PORT: '9999' } })
    assert.deepEqual(cold.admin.bind, { host: '0.0.0.0', port: 9999 })
    assert.match(refusals(() => fileWith('${env:KEY}: 1\n', { env: { KEY: 'admin' } })).join(), /unknown key/)
  })

  test('what came from outside does not stand in a message, not even in part', () => {
    const secret = 'hunter2-is-the-password'
    for (const text of [
      'registry: { consul: { address: "${env:SECRET}" } }',
      'registry: { consul: { address: "http://127.0.0.1:8500/${env:SECRET}" } }',
      'log: { level: "${env:SECRET}" }',
      'admin: { bind: "${env:SECRET}" }',
      'shutdown: { drain: "${env:SECRET}" }',
      'upstreams: { a: { instances: ["${env:SECRET}"], service: "${env:SECRET}!" } }',
      'routes: ["${env:SECRET} => x"]',
      'routes: [{ name: a, match: { path: "${env:SECRET}" }, to: x }]',
      'tasks: [{ name: a, cron: "${env:SECRET}", call: "${env:SECRET}" }]',
      'routes: [{ name: "${env:SECRET}", match: { path: /a }, to: x }, { name: "${env:SECRET}", match: { path: /b }, to: x }]',
    ]) {
      const told = refusals(() => fileWith(text, { env: { SECRET: secret } }))
      assert.notDeepEqual(told, [], text)
      assert.doesNotMatch(told.join('\n'), /hunter2|password|is-the/, text)
    }
  })
})

function route(value: string): string {
  return `{ to: x, filters: [{ setHeaders: { request: { x-a: "${value}" } } }] }`
}

test('a message names the variable instead of its value', () => {
  const told = refusals(() => fileWith('admin: { bind: "${env:BIND}" }', { env: { BIND: 'nonsense' } }))
  assert.deepEqual(told, ['gateway.yaml:2:16 admin.bind: the value of ${env:BIND} is not accepted here: check where it is set'])
})

describe('in KV', () => {
  test('variables that begin with MESHGATE_ can be used', () => {
    const found = entry('route', 'a', route('${env:MESHGATE_ZONE}'), { MESHGATE_ZONE: 'eu' })
    assert.ok(found.kind === 'route')
    assert.deepEqual(found.value.filters, [{ kind: 'setHeaders', options: { request: { 'x-a': 'eu' } } }])
  })

  test('other variables and files cannot: who may write KV must not read the secrets of the gateway', () => {
    const variable = refusals(() => entry('route', 'a', route('${env:CONSUL_HTTP_TOKEN}'), { CONSUL_HTTP_TOKEN: 'x' }))
    assert.match(variable.join(), /CONSUL_HTTP_TOKEN is not set: in KV only variables that begin with MESHGATE_ can be used/)
    assert.match(refusals(() => entry('route', 'a', route('${file:/etc/hostname}'))).join(), /in the config file only/)
  })
})
