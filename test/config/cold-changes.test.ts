import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { changedCold, parseFile } from '../../src/config/file.ts'
import { fileWith, listenersLine } from './sources.ts'

describe('what needs a restart', () => {
  const before = parseFile(listenersLine, 'gateway.yaml', { env: {} })

  test('is told by the names of the sections that differ', () => {
    const after = fileWith(
      'admin: { bind: "127.0.0.1:9999" }\nlog: { level: debug }\nregistry: { embedded: { data: /var/lib/x } }',
    )
    assert.deepEqual(changedCold(before, after).toSorted(), ['admin', 'log', 'registry'])
  })

  test('is nothing when only the text or hot sections differ', () => {
    const after = fileWith('# a comment\nadmin: { bind: "127.0.0.1:8081" }\nroutes: [/a -> b]\ndefaults: { balance: weighted }')
    assert.deepEqual(changedCold(before, after), [])
  })
})
