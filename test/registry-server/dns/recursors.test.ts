import assert from 'node:assert/strict'
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { afterEach, describe, it } from 'node:test'
import { decode, encode, RECURSION_AVAILABLE, type Answer, type Packet } from 'dns-packet'
import { LengthPrefixed } from '../../../src/registry-server/dns/length-prefixed.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { until } from '../../support/until.ts'
import { ask } from './dns-client.ts'
import { openDns, register, type DnsRegistry } from './dns-registry.ts'

interface Recursor {
  readonly port: number
  /** The names it was asked for. */
  readonly asked: string[]
  close(): Promise<void>
}

/** What a recursor does with a query: the packet of its answer, or nothing; `send` sends bytes before it. */
type Behaviour = (query: Packet, from: RemoteInfo | null, send: (bytes: Buffer) => void) => Packet | null

function answering(answers: readonly Answer[], code = 0): Behaviour {
  return ({ id, questions }) => ({
    type: 'response',
    id: id ?? 0,
    flags: RECURSION_AVAILABLE | code,
    questions: questions ?? [],
    answers: [...answers],
  })
}

const silent: Behaviour = () => null

const closers: (() => Promise<void>)[] = []

async function openRecursor(behaviour: Behaviour): Promise<Recursor> {
  const asked: string[] = []
  const { udp, tcp } = await bindBoth()
  const answer = (message: Buffer, from: RemoteInfo | null): Buffer | null => {
    const query = decode(message)
    asked.push(`${query.questions?.[0]?.name} ${query.questions?.[0]?.type}`)
    const told = behaviour(query, from, (bytes) => udp.send(bytes, from?.port ?? 0, from?.address))
    return told === null ? null : encode(told)
  }
  const { port } = udp.address()
  udp.on('message', (message, from) => {
    const told = answer(message, from)
    if (told) udp.send(told, from.port, from.address)
  })
  tcp.on('connection', (socket) => {
    const received = new LengthPrefixed(65_535, (message) => {
      const told = answer(message, null)
      if (told) socket.write(LengthPrefixed.frame(told))
    })
    socket.on('data', (chunk: Buffer) => void received.push(chunk))
    socket.on('error', () => {})
  })
  const close = async (): Promise<void> => {
    await Promise.all([new Promise<void>((resolve) => udp.close(() => resolve())), new Promise((resolve) => tcp.close(resolve))])
  }
  closers.push(close)
  return { port, asked, close }
}

/** Both on one port, which the other tests' sockets may take half of. */
async function bindBoth(): Promise<{ udp: Socket; tcp: Server }> {
  for (;;) {
    const tcp = createServer().listen(0, '127.0.0.1')
    await once(tcp, 'listening')
    const udp = createSocket('udp4').bind((tcp.address() as { port: number }).port, '127.0.0.1')
    try {
      await once(udp, 'listening')
      return { udp, tcp }
    } catch {
      // Somebody has it for UDP: the next port.
      udp.close()
      tcp.close()
    }
  }
}

async function open(recursors: readonly { port: number }[], clock?: ManualClock): Promise<DnsRegistry> {
  const addresses = recursors.map(({ port }) => ({ host: '127.0.0.1', port }))
  const registry = await openDns({ recursors: addresses, ...(clock ? { clock } : {}) })
  closers.unshift(() => registry.close())
  return registry
}

const address: Answer = { name: 'example.com', type: 'A', ttl: 30, data: '203.0.113.7' }

describe('recursors', () => {
  afterEach(async () => {
    for (const close of closers.splice(0)) await close()
  })

  for (const tcp of [false, true]) {
    it(`answer for other domains, over ${tcp ? 'TCP' : 'UDP'}`, async () => {
      const recursor = await openRecursor(answering([address]))
      const { port } = await open([recursor])
      const told = await ask(port, { name: 'Example.com', type: 'A', tcp })
      assert.deepEqual([told.rcode, told.flags, told.answers], ['NOERROR', ['qr', 'ra'], ['example.com. 30 A 203.0.113.7']])
      assert.deepEqual(recursor.asked, ['Example.com A'])
    })
  }

  it('are not asked for names of the zone, nor for addresses of the catalog', async () => {
    const recursor = await openRecursor(answering([address]))
    const { port } = await open([recursor])
    const told = await ask(port, { name: 'nobody.service.consul', type: 'A' })
    assert.deepEqual([told.rcode, told.flags], ['NXDOMAIN', ['qr', 'aa', 'rd', 'ra']])
    await ask(port, { name: '1.0.0.127.in-addr.arpa', type: 'PTR' })
    assert.deepEqual(recursor.asked, [])
    await ask(port, { name: '7.113.0.203.in-addr.arpa', type: 'PTR' })
    assert.deepEqual(recursor.asked, ['7.113.0.203.in-addr.arpa PTR'])
  })

  it('are asked in turn until one has an answer; that there is no such name is one', async () => {
    const failing = await openRecursor(answering([], 2))
    const refusing = await openRecursor(answering([], 5))
    const knowing = await openRecursor(answering([], 3))
    const last = await openRecursor(answering([address]))
    const { port } = await open([failing, refusing, knowing, last])
    assert.equal((await ask(port, { name: 'example.com', type: 'A' })).rcode, 'NXDOMAIN')
    assert.deepEqual(
      [failing, refusing, knowing, last].map(({ asked }) => asked.length),
      [1, 1, 1, 0],
    )
  })

  it('have two seconds each; when none has answered, the query fails', async () => {
    const clock = new ManualClock()
    const [first, second] = [await openRecursor(silent), await openRecursor(silent)]
    const { port } = await open([first, second], clock)
    const answer = ask(port, { name: 'example.com', type: 'A' })
    await until('the first is asked', () => first.asked.length === 1)
    await clock.advance(1_999)
    assert.equal(second.asked.length, 0)
    await clock.advance(1)
    await until('the second is asked', () => second.asked.length === 1)
    await clock.advance(2_000)
    const { rcode, flags } = await answer
    assert.deepEqual([rcode, flags], ['SERVFAIL', ['qr', 'rd', 'ra']])
  })

  it('of which nobody listens are passed over at once', async () => {
    const gone = await openRecursor(silent)
    await gone.close()
    closers.splice(0)
    const { port } = await open([gone, await openRecursor(answering([address]))], new ManualClock())
    assert.equal((await ask(port, { name: 'example.com', type: 'A' })).rcode, 'NOERROR')
    assert.equal((await ask(port, { name: 'example.com', type: 'A', tcp: true })).rcode, 'NOERROR')
  })

  it('are not believed with another id, another question, or from another port', async () => {
    const forger = createSocket('udp4').bind(0, '127.0.0.1')
    const forged = { ...address, data: '203.0.113.66' } as Answer
    const recursor = await openRecursor((query, from, send) => {
      const right = answering([address])(query, from, send) ?? {}
      const wrong = { ...right, answers: [forged] }
      forger.send(encode(wrong), from?.port ?? 0, from?.address)
      // From the right port come a wrong id, a wrong question and noise before the answer.
      const others = [
        { ...wrong, id: ((query.id ?? 0) + 1) & 0xffff },
        { ...wrong, questions: [{ name: 'example.org', type: 'A' as const }] },
      ]
      for (const other of others) send(encode(other))
      send(Buffer.from('noise'))
      return right
    })
    const { port } = await open([recursor])
    const { answers } = await ask(port, { name: 'example.com', type: 'A' })
    forger.close()
    assert.deepEqual(answers, ['example.com. 30 A 203.0.113.7'])
  })

  it('get an answer cut that is longer than the client can take', async () => {
    const long = Array.from({ length: 100 }, (_, at): Answer => ({ name: 'example.com', type: 'A', data: `203.0.113.${at}` }))
    const { port } = await open([await openRecursor(answering(long))])
    const { answers, flags, bytes } = await ask(port, { name: 'example.com', type: 'A', udpBytes: 600 })
    assert.deepEqual([answers, flags.includes('tc')], [[], true])
    assert.ok(bytes < 600)
    assert.equal((await ask(port, { name: 'example.com', type: 'A', tcp: true })).answers.length, 100)
  })

  it('tell the addresses of services and nodes that are registered under names', async () => {
    const chain: Answer[] = [
      { name: 'db.example.com', type: 'CNAME', ttl: 60, data: 'db7.example.com' },
      { name: 'db7.example.com', type: 'A', ttl: 20, data: '203.0.113.7' },
    ]
    const recursor = await openRecursor(answering(chain))
    const { port, url } = await open([recursor])
    await register(url, { Node: 'cloud', Address: 'db.example.com', Service: { ID: 'db', Service: 'db', Port: 5432 } })
    const records = ['db.example.com. 60 CNAME db7.example.com.', 'db7.example.com. 20 A 203.0.113.7']
    const asA = await ask(port, { name: 'db.service.consul', type: 'A' })
    assert.deepEqual(asA.answers, ['db.service.consul. 0 CNAME db.example.com.', ...records])
    const asSrv = await ask(port, { name: 'db.service.consul', type: 'SRV' })
    assert.deepEqual([asSrv.answers, asSrv.additionals], [['db.service.consul. 0 SRV 1 1 5432 db.example.com.'], records])
    const node = await ask(port, { name: 'cloud.node.consul', type: 'A' })
    assert.deepEqual(node.answers, ['cloud.node.consul. 0 CNAME db.example.com.', ...records])
    assert.deepEqual(new Set(recursor.asked), new Set(['db.example.com A']))
  })

  it('that fail leave the alias alone', async () => {
    const { port, url } = await open([await openRecursor(answering([], 2))])
    await register(url, { Node: 'cloud', Address: 'db.example.com', Service: { ID: 'db', Service: 'db', Port: 5432 } })
    const { rcode, answers } = await ask(port, { name: 'db.service.consul', type: 'A' })
    assert.deepEqual([rcode, answers], ['NOERROR', ['db.service.consul. 0 CNAME db.example.com.']])
  })

  it('under way do not hold up closing', async () => {
    const recursor = await openRecursor(silent)
    const registry = await open([recursor], new ManualClock())
    const answer = ask(registry.port, { name: 'example.com', type: 'A', tcp: true })
    await until('the recursor is asked', () => recursor.asked.length === 1)
    await Promise.all([registry.close(), assert.rejects(answer)])
    closers.shift()
  })
})
