import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { assemble } from '../../../src/config/assemble.ts'
import { configChanges, type ConfigChange } from '../../../src/controlplane/revisions/config-diff.ts'
import { fileDocument } from '../control-plane.ts'

function changes(before: string, after: string): readonly ConfigChange[] {
  return configChanges(assemble(fileDocument(before), []).hot, assemble(fileDocument(after), []).hot)
}

function short(all: readonly ConfigChange[]): readonly string[] {
  return all.map(({ kind, name, change }) => `${change} ${kind} ${name}`)
}

/** A config with a secret wherever one may be. */
function withSecret(secret: string): string {
  return `routes:
  - { name: a, match: { path: /a, headers: { x-key: ${secret} } }, to: x, filters: [{ basicAuth: { users: { ann: ${secret} } } }, { setHeaders: { request: { authorization: ${secret} } } }] }
upstreams: { x: { health: { http: { path: /h, headers: { authorization: ${secret} } } } } }`
}

describe('what differs between two configs', () => {
  it('is nothing when they say the same in other words or another order', () => {
    assert.deepEqual(
      changes(
        'routes: [/a -> x, { name: b, match: { path: /b }, to: y }]',
        'routes:\n  - { name: b, to: y, match: { path: /b } }\n  - /a -> x',
      ),
      [],
    )
  })

  it('is told in effect: an upstream that a route brings along or that nobody uses any more counts', () => {
    assert.deepEqual(short(changes('routes: [/a -> x, /b -> y]', 'routes: [/a -> x, /c -> z]')), [
      'removed route /b',
      'added route /c',
      'removed upstream y',
      'added upstream z',
    ])
  })

  it('names each changed setting with both values, also where a default has changed', () => {
    const [route, upstream] = changes(
      'routes: [{ name: a, match: { path: /a }, to: x, timeouts: { response: 1s } }]\nupstreams: { x: { balance: random } }',
      'routes: [{ name: a, match: { path: /a }, to: x, timeouts: { response: 2s } }]\nupstreams: { x: { balance: least-requests } }',
    )
    assert.deepEqual(route?.fields, [{ path: 'timeouts.responseMs', before: '1000', after: '2000' }])
    assert.ok(upstream?.fields.some(({ before, after }) => before === '"random"' && after === '"least-requests"'))
    assert.ok(
      short(changes('routes: [/a -> x]', 'defaults: { timeouts: { connect: 9s } }\nroutes: [/a -> x]')).includes(
        'changed upstream x',
      ),
    )
  })

  it('never tells the values of filters and header fields, which may be secrets', () => {
    const found = changes(
      withSecret('$2a$10$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'),
      withSecret('$2a$10$bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb'),
    )
    assert.deepEqual(short(found), ['changed route a', 'changed upstream x'])
    assert.ok(found.every(({ fields }) => fields.length > 0))
    assert.doesNotMatch(JSON.stringify(found), /aaaaaaaa|bbbbbbbb/)
  })
})
