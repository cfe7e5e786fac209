import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { assemble } from '../../src/config/assemble.ts'
import { layered } from '../../src/config/layers.ts'
import { joinRevisionFiles, parseRevisionFile } from '../../src/config/revision.ts'
import { parseFile } from '../../src/config/file.ts'
import { configChanges } from '../../src/controlplane/revisions/config-diff.ts'

const file = (rest: string) => parseFile(`listeners: { web: { bind: ":0" } }\n${rest}`, 'gateway.yaml', { env: {} })
const hotOf = (rest: string) => assemble(file(rest), []).hot
const domainOf = (rest: string): string => hotOf(rest).mesh.domain
const revision = (text: string, name = 'r1') =>
  parseRevisionFile(text, name, { env: { MESHGATE_T: 'token-from-the-environment' } })

describe('mesh in a revision', () => {
  it('stands above the file, setting by setting', () => {
    const below = file('mesh: { default: deny, idle: 5m, rules: [{ from: web, to: orders, allow: true }] }')
    const above = revision(
      'mesh: { rules: [{ from: bff, to: orders, allow: true }], callers: { bff: { token: "${env:MESHGATE_T}" } } }',
    )
    const { mesh } = assemble(layered(below, above), []).hot
    assert.deepEqual([mesh.default, mesh.idleMs, mesh.maxServices], ['deny', 300_000, 1_000])
    assert.deepEqual(mesh.rules, [{ from: 'bff', to: 'orders', allow: true }])
    assert.deepEqual(
      mesh.callers.map(({ service }) => service),
      ['bff'],
    )
    assert.ok(!JSON.stringify(mesh).includes('token-from'), 'of a token the hash is kept')
  })

  it('stands in one of its files', () => {
    const files = [revision('mesh: { default: deny }', 'a.yaml'), revision('mesh: { default: allow }', 'b.yaml')]
    assert.throws(
      () => joinRevisionFiles('r', files),
      /b\.yaml:1:1 mesh: a\.yaml has mesh too: write all of it in one file of a revision/,
    )
  })

  it('is told as a change, without what tokens are kept as', () => {
    const [before, after] = ['token-of-web-before', 'token-of-web-after'].map((token) =>
      hotOf(`mesh: { default: ${token.endsWith('after') ? 'deny' : 'allow'}, callers: { web: { token: ${token} } } }`),
    )
    assert.ok(before && after)
    const [change] = configChanges(before, after)
    assert.deepEqual(
      [change?.kind, change?.fields.map(({ path, after: now }) => [path, now])],
      [
        'mesh',
        [
          ['default', '"deny"'],
          ['callers[0].digest', null],
        ],
      ],
    )
  })
})

describe('the domain of names', () => {
  it('is that of the embedded DNS unless the mesh has its own', () => {
    const dns = 'registry: { embedded: { http: "127.0.0.1:0", dns: { bind: "127.0.0.1:0", domain: Corp }, data: ./d } }'
    assert.deepEqual([domainOf(''), domainOf(dns), domainOf(`${dns}\nmesh: { domain: other }`)], ['consul', 'corp', 'other'])
  })
})
