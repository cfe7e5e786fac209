import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { RecordType } from 'dns-packet'
import { skipWithoutConsul } from '../../support/consul.ts'
import { ask, exchangeTcp, exchangeUdp, queryPacket, type Ask, type Told } from './dns-client.ts'
import { openConsulDns, openDns, register, type DnsRegistry } from './dns-registry.ts'

const meta = { zone: 'a', 'rfc1035-note': 'raw=1', 'a=b': 'c`d' }

const registrations: readonly object[] = [
  {
    Node: 'ext1',
    Address: '192.0.2.10',
    NodeMeta: meta,
    Service: { ID: 'pg1', Service: 'pg', Port: 5432, Tags: ['primary', 'v1.2'] },
  },
  {
    Node: 'ext3',
    Address: 'db.example.com',
    NodeMeta: { k: 'v' },
    Service: { ID: 'cn', Service: 'alias', Address: 'svc.example.com.', Port: 1 },
  },
  { Node: 'ext6', Address: '2001:db8::6', Service: { ID: 'v6', Service: 'v6', Port: 6 } },
  { Node: 'ext7', Address: '192.0.2.17', Service: { ID: 'in', Service: 'inner', Address: 'pg.service.consul', Port: 6 } },
  { Node: 'ext7', Address: '192.0.2.17', Service: { ID: 'self', Service: 'selfy', Address: 'selfy.service.consul', Port: 6 } },
  { Node: 'ext7', Address: '192.0.2.17', Service: { ID: 'loop', Service: 'loop-a', Address: 'loop-b.service.consul', Port: 6 } },
  { Node: 'ext7', Address: '192.0.2.17', Service: { ID: 'pool', Service: 'loop-b', Address: 'loop-a.service.consul', Port: 6 } },
  { Node: 'Big.Node', Address: '192.0.2.18', Service: { ID: 'Mixed', Service: 'MiXed', Port: 6, Tags: ['ABC'] } },
  ...[1, 2, 3].map((at) => ({
    Node: 'ext1',
    Address: '192.0.2.10',
    NodeMeta: meta,
    Service: { ID: `dup${at}`, Service: 'dup', Port: 90 + at },
  })),
  ...Array.from({ length: 60 }, (_, at) => ({
    Node: `host-${at}`,
    Address: `192.0.2.${100 + at}`,
    NodeMeta: { at: String(10 + at) },
    Service: { ID: `wide${at}`, Service: 'wide', Address: `2001:db8::1:${(0x1000 + at).toString(16)}`, Port: 1000 + at },
  })),
]

const questions = `
  pg.service.consul: A AAAA ANY TXT MX SRV NS SOA CNAME PTR DS
  PG.service.DC1.Consul: A SRV
  pg.service.dc2.consul: A
  pg.service.dc1.x.consul: A
  primary.pg.service.consul: A SRV
  v1.2.pg.service.consul: A
  none.pg.service.consul: A SRV
  node.pg.service.consul: A
  connect.pg.service.consul: A
  pg.connect.consul: A
  pg.service.service.consul: A
  node.service.consul: A
  _pg._tcp.service.consul: A SRV
  _pg._tcp.consul: A SRV
  _pg._tcp.dc1.consul: SRV
  _pg._TCP.service.consul: SRV
  _pg._udp.service.consul: SRV
  _pg._primary.service.consul: SRV
  _pg._.service.consul: SRV
  _pg.service.consul: SRV
  _pg.consul: SRV
  _a._b._c.consul: SRV
  dup.service.consul: A SRV
  alias.service.consul: A AAAA TXT MX SRV ANY
  inner.service.consul: A AAAA SRV ANY
  selfy.service.consul: A AAAA SRV
  loop-a.service.consul: A SRV
  v6.service.consul: A AAAA ANY SRV
  mixed.service.consul: A SRV
  MIXED.service.consul: A
  abc.mixed.service.consul: A
  big.node.node.consul: A
  ext1.node.consul: A AAAA TXT ANY SRV MX SOA
  ext1.node.dc1.consul: A
  ext1.node.dc2.consul: A
  ext3.node.consul: A AAAA TXT ANY CNAME
  ext6.node.consul: A AAAA
  none.node.consul: A SRV
  c0000263.addr.consul: A AAAA SRV
  C0000263.Addr.Dc1.Consul: A
  c0000263.addr.dc9.consul: A
  c000026z.addr.consul: A
  c00002631.addr.consul: A
  zz.addr.consul: A
  a.c0000263.addr.consul: A
  addr.consul: A
  20010db8000000000000000000000006.addr.consul: A AAAA
  20010db80000000000000000000000061.addr.consul: AAAA
  consul: A ANY MX SOA NS AXFR IXFR DS
  CONSUL: SOA NS
  service.consul: A
  node.consul: A
  query.consul: A
  none.query.consul: A SRV
  foo.bar.consul: A
  ns.consul: A
  xconsul: A
  example.com: A MX
  .: NS
  10.2.0.192.in-addr.arpa: PTR A SOA
  10.2.0.192.IN-ADDR.arpa: PTR
  200.2.0.192.in-addr.arpa: PTR
  arpa: PTR
  6.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa: PTR
  0.0.0.1.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa: PTR
`

/** Each question in each way; the many answers of "wide" only by their size. */
const all: readonly Ask[] = questions
  .trim()
  .split('\n')
  .flatMap((line) => {
    const [, name = '', types = ''] = /^\s*(.+): (.*)$/.exec(line) ?? []
    return types.split(' ').map((type) => ({ name, type: type as RecordType }))
  })

const ways: readonly Partial<Ask>[] = [
  {},
  { udpBytes: null },
  { tcp: true },
  { subnet: '192.0.2.0' },
  { recursionDesired: false },
]

describe('answers beside those of the real Consul', { skip: skipWithoutConsul() }, () => {
  let own: DnsRegistry
  let consul: DnsRegistry
  before(async () => {
    ;[own, consul] = await Promise.all([openDns(), openConsulDns()])
    for (const { url } of [own, consul]) for (const registration of registrations) await register(url, registration)
  })
  after(() => Promise.all([own?.close(), consul?.close()]))

  for (const way of ways) {
    it(`are the same, to the byte count, for ${all.length} questions ${JSON.stringify(way)}`, async () => {
      for (const question of all) {
        const [ours, theirs] = await Promise.all([tell(own, { ...question, ...way }), tell(consul, { ...question, ...way })])
        assert.deepEqual(ours, theirs, JSON.stringify({ ...question, ...way }))
      }
    })
  }

  it('have the same number of records, whatever size the client announces', async () => {
    const sizes = [512, 513, 600, 700, 850, 1000, 1232, 1400, 2000, 3000, 4096, 8192]
    for (const type of ['AAAA', 'SRV', 'A'] as const) {
      for (const udpBytes of [null, ...sizes]) {
        const question = { name: 'wide.service.consul', type, udpBytes }
        const [ours, theirs] = await Promise.all([ask(own.port, question), ask(consul.port, question)])
        const counts = ({ answers, additionals, bytes }: typeof ours) => ({
          answers: answers.length,
          additionals: additionals.length,
          bytes,
        })
        assert.deepEqual(counts(ours), counts(theirs), JSON.stringify(question))
        assert.ok(ours.bytes <= Math.max(udpBytes ?? 0, 512))
      }
    }
  })

  it('are the same bytes for unusual messages, and the same refusals of malformed ones', async () => {
    for (const [what, packet] of unusual()) {
      for (const exchange of [exchangeUdp, exchangeTcp]) {
        const answers = [own, consul].map(({ port }) => exchange(port, packet, 250).then(masked, () => 'none'))
        const [ours, theirs] = await Promise.all(answers)
        assert.equal(ours, theirs, `${what} by ${exchange.name}`)
      }
    }
  })
})

function unusual(): readonly (readonly [string, Buffer])[] {
  const name = 'pg.service.consul'
  const plain = queryPacket({ name, type: 'A', udpBytes: null })
  const withEdns = queryPacket({ name, type: 'A' })
  return [
    ['two bytes', Buffer.from('0001', 'hex')],
    ['no question', Buffer.from('000101000000000000000000', 'hex')],
    ['an answer', changed(withEdns, 2, 0x81)],
    ['opcode STATUS', changed(withEdns, 2, 0x11)],
    ['opcode UPDATE', changed(withEdns, 2, 0x29)],
    ['two questions announced', changed(withEdns, 5, 2)],
    ['nine additional records announced', changed(withEdns, 11, 9)],
    ['cut in the name', plain.subarray(0, 20)],
    ['bytes behind the end', Buffer.concat([withEdns, Buffer.from('xx')])],
    ['class CHAOS', changed(plain, plain.length - 1, 3)],
    ['class ANY', changed(plain, plain.length - 1, 255)],
    ['type 0', changed(plain, plain.length - 3, 0)],
    ['type OPT', changed(plain, plain.length - 3, 41)],
    ['type 65', changed(plain, plain.length - 3, 65)],
    ['flags AD and CD', changed(withEdns, 3, 0x30)],
    ['a response code in a query', changed(withEdns, 3, 5)],
    ['flags of answers', changed(changed(withEdns, 2, 0x07), 3, 0xc0)],
    ['a label of 64 bytes', changed(plain, 12, 64)],
    ['a dot inside a label', changed(queryPacket({ name: 'pgXservice.consul', type: 'A', udpBytes: null }), 15, 0x2e)],
    ['a byte that is no UTF-8', changed(plain, 13, 0xff)],
    ['EDNS version 1', changed(withEdns, withEdns.length - 5, 1)],
    ['EDNS with DO', changed(withEdns, withEdns.length - 4, 0x80)],
  ]
}

function changed(packet: Buffer, at: number, value: number): Buffer {
  const copy = Buffer.from(packet)
  copy[at] = value
  return copy
}

/** Without the id and the serial of an SOA record, which is the time. Of a message that says what was wrong, only that. */
function masked(answer: Buffer): string {
  const code = answer.readUInt8(3) & 0x0f
  if (code === 1 || code === 4) return `response code ${code}`
  return answer.toString('hex', 2).replace(/.{8}(?=00000e10000002580001518000000000)/, '<serial>')
}

async function tell({ port }: DnsRegistry, question: Ask): Promise<Told> {
  const told = await ask(port, question)
  return { ...told, answers: told.answers.toSorted(), additionals: told.additionals.toSorted() }
}
