import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseFile } from '../../src/config/file.ts'
import { dnsDefaults, type DnsOptions } from '../../src/registry-server/dns/options.ts'
import { refusals } from './sources.ts'

function dnsOf(dns: string): DnsOptions | null {
  const text = `listeners: { web: { bind: ":8080" } }\nregistry: { embedded: { dns: ${dns} } }\n`
  const { registry } = parseFile(text, 'gateway.yaml', { env: {} }).cold
  assert.ok(registry.kind === 'embedded')
  return registry.dns
}

function problemOf(dns: string): string {
  return refusals(() => dnsOf(dns)).join('\n')
}

describe('registry.embedded.dns', () => {
  test('is an address', () => {
    assert.deepEqual(dnsOf('"[::1]:53"'), { ...dnsDefaults, bind: { host: '::1', port: 53 } })
  })

  test('is off', () => assert.equal(dnsOf('off'), null))

  test('is settings, each with its default', () => {
    assert.deepEqual(dnsOf('{}'), { ...dnsDefaults, bind: { host: '127.0.0.1', port: 8600 } })
    const all = `{ bind: ":53", domain: mesh, nodeTtl: 1s, serviceTtl: { "*": 2s, web: 0s }, onlyPassing: true, enableTruncate: true,
      udpAnswerLimit: 8, recursors: ["192.0.2.1:53", "[2001:db8::1]:53"], recursorTimeout: 500ms }`
    assert.deepEqual(dnsOf(all), {
      bind: { host: '0.0.0.0', port: 53 },
      domain: 'mesh',
      nodeTtlMs: 1_000,
      serviceTtlMs: { '*': 2_000, web: 0 },
      onlyPassing: true,
      enableTruncate: true,
      udpAnswerLimit: 8,
      recursors: [
        { host: '192.0.2.1', port: 53 },
        { host: '2001:db8::1', port: 53 },
      ],
      recursorTimeoutMs: 500,
    })
  })

  test('says what is wrong with it', () => {
    assert.match(problemOf('8600'), /expected text or settings .*, found a number: write 127\.0\.0\.1:8600/)
    assert.match(problemOf('on'), /"on" is not an address: write "127\.0\.0\.1:8600", or off/)
    assert.match(problemOf('{ recursor: [] }'), /unknown key, did you mean "recursors"\?/)
    assert.match(problemOf('{ udpAnswerLimit: 9 }'), /must be at most 8/)
    assert.match(problemOf('{ serviceTtl: { web: 5 } }'), /a duration needs a unit: write 5s/)
    assert.match(problemOf('{ recursors: [dns.example.com:53] }'), /is no IP address/)
    assert.match(
      problemOf('"127.0.0.1:8081"'),
      /port 8081 is taken by admin\.bind: write registry\.embedded\.dns with another port/,
    )
  })
})
