import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { decode, encode, type RecordType } from 'dns-packet'
import { systemClock } from '../../../src/clock.ts'
import { silentLogger } from '../../../src/logging.ts'
import { CatalogView } from '../../../src/registry-server/dns/catalog-view.ts'
import { dnsDefaults } from '../../../src/registry-server/dns/options.ts'
import { preparedQueries } from '../../../src/registry-server/dns/prepared-queries.ts'
import { Recursors } from '../../../src/registry-server/dns/recursors.ts'
import { Responder } from '../../../src/registry-server/dns/responder.ts'
import { Zone } from '../../../src/registry-server/dns/zone.ts'
import { registerOwnNode } from '../../../src/registry-server/own-node.ts'
import { putNode, putService } from '../../../src/registry-server/store/catalog.ts'
import { Store } from '../../../src/registry-server/store/store.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { ask, exchangeUdp } from './dns-client.ts'
import { openDns } from './dns-registry.ts'

const isSoak = process.env['MESHGATE_SOAK'] === '1'
const messages = isSoak ? 1_000_000 : 20_000
const seed = Number(process.env['MESHGATE_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const random = seededRandom(seed)
const upTo = (most: number): number => Math.floor(random() * most)
const oneOf = <Item>(items: readonly Item[]): Item => items[upTo(items.length)] as Item

const labels = [
  'service',
  'node',
  'query',
  'addr',
  'connect',
  'consul',
  'CONSUL',
  'dc1',
  'arpa',
  'in-addr',
  'ip6',
  '_tcp',
  '_web',
  '_v1',
  'web',
  'web',
  'wide',
  'cloud',
  'v1',
  'h1',
  'n1',
  '10',
  '2',
  '0',
  '192',
  'c0000263',
  'c000026',
  'x'.repeat(63),
  '',
  '_',
  '-',
  '*',
  'ü',
  String.fromCodePoint(0),
]
const types: readonly RecordType[] = [
  'A',
  'AAAA',
  'SRV',
  'TXT',
  'MX',
  'SOA',
  'NS',
  'PTR',
  'CNAME',
  'AXFR',
  'OPT',
  'NULL',
  'DNSKEY',
]

function question(): Buffer {
  const name = oneOf([
    () => `${oneOf(['web', 'wide', 'v1.web', '_web._tcp', 'nobody'])}.service.consul`,
    () => Array.from({ length: upTo(7) }, () => oneOf(labels)).join('.'),
  ])()
  const options = random() < 0.2 ? [{ code: 8 as const, ip: '192.0.2.0', sourcePrefixLength: upTo(33) }] : []
  const opt = {
    type: 'OPT',
    name: '.',
    udpPayloadSize: oneOf([0, 100, 512, 513, 1232, 4096, 65_535]),
    extendedRcode: 0,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options,
  } as const
  return encode({
    type: 'query',
    id: upTo(65_536),
    flags: upTo(2) * 0x100,
    questions: [{ name, type: oneOf(types) }],
    additionals: random() < 0.5 ? [opt] : [],
  })
}

const mutations: readonly ((message: Buffer) => Buffer)[] = [
  (message) => message,
  (message) => withByte(message, upTo(message.length), upTo(256)),
  (message) => withByte(message, upTo(message.length), (message[upTo(message.length)] ?? 0) ^ (1 << upTo(8))),
  (message) => message.subarray(0, upTo(message.length + 1)),
  (message) => Buffer.concat([message, Buffer.from(Array.from({ length: upTo(40) }, () => upTo(256)))]),
  // Counts of sections, and pointers.
  (message) => withByte(message, 4 + upTo(8), oneOf([0, 1, 2, 255])),
  (message) => withByte(withByte(message, 12 + upTo(30), 0xc0), 13 + upTo(30), upTo(64)),
  (message) => Buffer.concat([message.subarray(0, 12), message.subarray(12), message.subarray(upTo(message.length))]),
  () => Buffer.from(Array.from({ length: upTo(600) }, () => upTo(256))),
]

function withByte(message: Buffer, at: number, value: number): Buffer {
  const copy = Buffer.from(message)
  if (at < copy.length) copy[at] = value
  return copy
}

function fuzzed(): Buffer {
  let message = question()
  for (let times = upTo(4); times > 0; times--) message = oneOf(mutations)(message)
  return message
}

async function filledStore(): Promise<Store> {
  const store = new Store({ clock: systemClock, logger: silentLogger, journal: null })
  await registerOwnNode(store, 'n1', '127.0.0.1')
  await store.write((transaction) => {
    for (let at = 0; at < 60; at++) {
      const [node, name] = [`h${at}`, oneOf(['web', 'wide', 'wide', 'Wide'])]
      const address = oneOf([
        '192.0.2.10',
        '2001:db8::1',
        'db.example.com',
        'web.service.consul',
        'no address at all',
        'x'.repeat(80),
      ])
      const meta = { [oneOf(['a', 'rfc1035-a', 'ü=`'])]: 'v'.repeat(upTo(400)) }
      putNode(transaction, { id: '', name: node, address, taggedAddresses: null, meta })
      const weights = { Passing: upTo(100_000), Warning: -1 }
      const place = {
        address: oneOf(['', `198.51.100.${at}`, 'wide.service.consul.', 'svc.example.com']),
        port: upTo(70_000) - 1,
      }
      putService(transaction, {
        node,
        id: 's',
        name,
        tags: ['v1'],
        meta: null,
        taggedAddresses: null,
        enableTagOverride: false,
        weights,
        kind: '',
        ...place,
      })
    }
  })
  return store
}

describe(`${messages} broken DNS messages (seed ${seed})`, () => {
  let responder: Responder
  before(async () => {
    const { state } = await filledStore()
    const options = { ...dnsDefaults, bind: { host: '127.0.0.1', port: 0 } }
    const catalog = new CatalogView(state)
    const recursors = new Recursors({ recursors: [], timeoutMs: 1, clock: systemClock, logger: silentLogger })
    const runQuery = preparedQueries({ state, node: 'n1', random })
    const zone = new Zone({ catalog, options, datacenter: 'dc1', runQuery, clock: systemClock, random })
    responder = new Responder({ zone, catalog, recursors, options, random })
  })

  it('never fail, and get answers that can be read and are no longer than allowed', () => {
    let [answered, refused] = [0, 0]
    for (let at = 0; at < messages; at++) {
      const message = fuzzed()
      const transport = oneOf(['udp', 'tcp'] as const)
      const answer = responder.answer(message, transport)
      assert.ok(!(answer instanceof Promise))
      if (answer === null) {
        assert.ok(message.length < 12 || (message.readUInt8(2) & 0x80) !== 0, `no answer to ${message.toString('hex')}`)
        continue
      }
      answered++
      refused += check(message, answer, transport)
    }
    // Of both kinds there are many, else the messages are not what they are meant to be.
    assert.ok(answered > messages / 2 && refused > messages / 20, `${answered} answered, ${refused} of them refused`)
  })

  it('cost no memory that stays', () => {
    const before = process.memoryUsage().heapUsed
    for (let at = 0; at < messages / 4; at++) responder.answer(fuzzed(), 'udp')
    const grownBytes = process.memoryUsage().heapUsed - before
    // What is remembered is bounded: 4,096 answers.
    assert.ok(grownBytes < 150_000_000, `${grownBytes} bytes more`)
  })

  it('do not stop a server that gets them', async () => {
    const registry = await openDns()
    for (let at = 0; at < 300; at++) await exchangeUdp(registry.port, fuzzed(), 1).catch(() => {})
    assert.equal((await ask(registry.port, { name: 'n1.node.consul', type: 'A' })).rcode, 'NOERROR')
    await registry.close()
  })
})

/** Returns 1 if the message was called malformed. */
function check(message: Buffer, answer: Buffer, transport: 'udp' | 'tcp'): number {
  const what = `${message.toString('hex')} over ${transport}: ${answer.toString('hex')}`
  assert.equal(answer.readUInt16BE(0), message.readUInt16BE(0), what)
  assert.ok((answer.readUInt8(2) & 0x80) !== 0, what)
  const code = answer.readUInt8(3) & 0x0f
  if (code === 1 || (code === 4 && answer.length === 12)) {
    assert.equal(answer.length, 12, what)
    return 1
  }
  assert.doesNotThrow(() => decode(answer), what)
  // What the client announced is what a reader of its message says it did.
  const opt = (decode(message).additionals ?? []).find(({ type }) => type === 'OPT')
  const announced = opt?.type === 'OPT' ? opt.udpPayloadSize : 0
  assert.ok(answer.length <= (transport === 'tcp' ? 65_535 : Math.max(announced, 512)), what)
  return 0
}
