import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { compileTrust, forwardingHeaders, trustProblem, unmapped, type Hop } from '../../../src/dataplane/http/forwarded.ts'

const hop: Hop = { clientAddress: '192.0.2.7', trusted: false, authority: 'shop:8080', scheme: 'http', requestId: 'r-1' }
const own = ['X-Forwarded-For', '192.0.2.7', 'X-Forwarded-Proto', 'http', 'X-Forwarded-Host', 'shop:8080', 'X-Request-Id', 'r-1']

function after(headers: readonly string[], changes: Partial<Hop> = {}): string[] {
  const list = [...headers]
  forwardingHeaders(list, { ...hop, ...changes })
  return list
}

describe('forwarding fields', () => {
  it('tell the service who called, how and by what name', () => {
    assert.deepEqual(after(['Accept', '*/*']), ['Accept', '*/*', ...own])
  })

  const claims = [
    'X-Forwarded-For',
    'x-forwarded-proto',
    'X-Forwarded-Host',
    'X-Forwarded-Port',
    'X-Forwarded-Tls-Client-Cert',
    'Forwarded',
    'X-Real-IP',
    'X-Request-Id',
  ]
  const spellings = ['X_Forwarded_For', 'x_forwarded-proto', 'X_Real_IP', 'X_REQUEST_ID']
  for (const name of [...claims, ...spellings]) {
    it(`of an untrusted peer, such as ${name}, are replaced by what we know`, () => {
      assert.deepEqual(after([name, 'a lie', 'Accept', '*/*', name, 'another']), ['Accept', '*/*', ...own])
    })
  }

  it('of a trusted peer stay, and its list gets one more address', () => {
    const headers = [
      'X-Forwarded-For',
      '203.0.113.9',
      'x-forwarded-for',
      '198.51.100.2',
      'X-Forwarded-Proto',
      'https',
      'X-Forwarded-Host',
      'www',
      'X-Real-IP',
      '203.0.113.9',
    ]
    assert.deepEqual(after(headers, { trusted: true }), [
      'X-Forwarded-Proto',
      'https',
      'X-Forwarded-Host',
      'www',
      'X-Real-IP',
      '203.0.113.9',
      'X-Forwarded-For',
      '203.0.113.9, 198.51.100.2, 192.0.2.7',
      'X-Request-Id',
      'r-1',
    ])
  })

  it('that a trusted peer leaves out are filled in', () => {
    assert.deepEqual(after([], { trusted: true }), own)
  })

  it('are never passed on in a spelling with underscores, which a trusted peer may have let through', () => {
    assert.deepEqual(after(['X_Forwarded_For', '1.1.1.1', 'X-Forwarded_Proto', 'https'], { trusted: true }), own)
  })

  it('show an IPv4 client of a dual-stack socket as IPv4', () => {
    assert.deepEqual(after([], { clientAddress: '::ffff:192.0.2.7' }), own)
  })

  it('are not confused with fields that only look alike', () => {
    const headers = ['Forwarded-By', 'a', 'X-Forwarded', 'b', 'X-Request-Identity', 'c', 'From', 'd']
    assert.deepEqual(after(headers), [...headers, ...own])
  })
})

describe('the peers to believe', () => {
  it('are nobody when none are named', () => {
    assert.equal(compileTrust([])('127.0.0.1'), false)
  })

  it('are single addresses and whole blocks of both families', () => {
    const trusts = compileTrust(['10.0.0.0/8', '192.0.2.7', 'fd00::/8', '2001:db8::1'])
    for (const address of ['10.255.0.1', '192.0.2.7', 'fd12::1', '2001:db8::1', '::ffff:10.1.2.3'])
      assert.equal(trusts(address), true, address)
    for (const address of ['11.0.0.1', '192.0.2.8', 'fe80::1', '2001:db8::2', '::ffff:11.0.0.1', '', 'x'])
      assert.equal(trusts(address), false, address)
  })

  it('may be a block of mapped addresses or everybody', () => {
    assert.equal(compileTrust(['0.0.0.0/0'])('203.0.113.1'), true)
    assert.equal(compileTrust(['0.0.0.0/0'])('2001:db8::1'), false)
    assert.equal(compileTrust(['::ffff:10.0.0.1'])('10.0.0.1'), true)
  })

  it('are refused with a sentence that says what to write', () => {
    for (const block of ['10.0.0.0/8', '10.0.0.1', '::1', '::1/128', '0.0.0.0/0']) assert.equal(trustProblem(block), null, block)
    for (const block of [
      '',
      'localhost',
      '10.0.0',
      '10.0.0.0/33',
      '10.0.0.0/',
      '10.0.0.0/-1',
      '10.0.0.0/8/8',
      '::/129',
      '::1/x',
      '10.0.0.0/1.5',
    ]) {
      assert.match(trustProblem(block) ?? '', /write|must be/, block)
    }
  })
})

describe('a mapped address', () => {
  it('is the IPv4 address inside', () => {
    assert.equal(unmapped('::ffff:1.2.3.4'), '1.2.3.4')
    assert.equal(unmapped('::1'), '::1')
    assert.equal(unmapped('::ffff:0:1'), '::ffff:0:1')
  })
})
