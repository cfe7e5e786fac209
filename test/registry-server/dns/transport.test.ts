import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { systemClock, systemRandom } from '../../../src/clock.ts'
import { silentLogger } from '../../../src/logging.ts'
import { dnsDefaults } from '../../../src/registry-server/dns/options.ts'
import { LengthPrefixed } from '../../../src/registry-server/dns/length-prefixed.ts'
import { startRegistryServer, type RegistryServer } from '../../../src/registry-server/server.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { freePorts } from '../../support/meshgate-process.ts'
import { until } from '../../support/until.ts'
import { ask, exchangeUdp, queryPacket, told, withLength } from './dns-client.ts'
import { openDns, register, type DnsRegistry } from './dns-registry.ts'

describe('DNS over TCP', () => {
  let registry: DnsRegistry
  let clock: ManualClock
  let socket: Socket
  let answers: Buffer[]
  beforeEach(async () => {
    clock = new ManualClock()
    registry = await openDns({ clock })
    socket = connect(registry.port, '127.0.0.1')
    answers = []
    const received = new LengthPrefixed(65_535, (message) => answers.push(Buffer.from(message)))
    socket.on('data', (chunk: Buffer) => void received.push(chunk))
    socket.on('error', () => {})
    await once(socket, 'connect')
  })
  afterEach(async () => {
    socket.destroy()
    await registry.close()
  })

  it('answers many queries that come in one piece, in order', async () => {
    const queries = Array.from({ length: 200 }, (_, at) => queryPacket({ name: `n${at % 3}.node.consul`, type: 'A' }))
    socket.write(Buffer.concat(queries.map(withLength)))
    await until('all are answered', () => answers.length === 200)
    assert.deepEqual(
      answers.map((answer) => answer.readUInt16BE(0)),
      queries.map((query) => query.readUInt16BE(0)),
    )
  })

  it('answers a query that comes byte by byte', async () => {
    socket.setNoDelay(true)
    for (const byte of withLength(queryPacket({ name: 'n1.node.consul', type: 'A' }))) {
      socket.write(Buffer.of(byte))
      await new Promise((resolve) => setImmediate(resolve))
    }
    await until('it is answered', () => answers.length === 1)
    assert.deepEqual(told(answers[0] ?? Buffer.alloc(0)).answers, ['n1.node.consul. 0 A 127.0.0.1'])
  })

  it('closes a connection that asks nothing for ten seconds, and not one that asks', async () => {
    const closed = once(socket, 'close')
    await clock.advance(9_000)
    socket.write(withLength(queryPacket({ name: 'consul', type: 'SOA' })))
    await until('it is answered', () => answers.length === 1)
    await clock.advance(9_000)
    assert.equal(socket.closed, false)
    await clock.advance(1_000)
    await closed
  })

  it('does not count bytes without an end as asking', async () => {
    const closed = once(socket, 'close')
    await clock.advance(9_000)
    socket.write(Buffer.from([0x01, 0x00, 0x00]))
    await clock.advance(1_000)
    await closed
  })

  it('closes a connection that announces a message longer than any query', async () => {
    const closed = once(socket, 'close')
    socket.write(Buffer.from([0xff, 0xff]))
    await closed
  })

  it('stops reading from a client that does not take its answers, and then lets it go', async () => {
    for (let at = 1; at <= 300; at++) {
      await register(registry.url, {
        Node: `h${at}`,
        Address: `192.0.2.${at % 250}`,
        Service: { ID: `s${at}`, Service: 'wide', Port: at },
      })
    }
    socket.pause()
    const query = withLength(queryPacket({ name: 'wide.service.consul', type: 'SRV' }))
    const closed = new Promise((resolve) => socket.once('close', resolve))
    const batch = Buffer.concat(Array.from({ length: 100 }, () => query))
    // 300 records of some 50 bytes: each query of 50 bytes asks for 15,000. The sockets between us hold a few MB.
    await until('nothing more is taken', () => {
      if (socket.writableLength > 4_000_000) return true
      for (let at = 0; at < 20; at++) socket.write(batch)
      return false
    })
    await clock.advance(10_000)
    socket.resume()
    await closed
  })

  it('closes its connections when it closes', async () => {
    const closed = once(socket, 'close')
    await registry.close()
    await closed
    registry = await openDns()
  })
})

describe('the address of DNS', () => {
  for (const transport of ['TCP', 'UDP']) {
    it(`is refused by its name in the config when its ${transport} port is taken`, async () => {
      const [port = 0] = await freePorts(1)
      const holder = transport === 'TCP' ? createServer().listen(port, '127.0.0.1') : createSocket('udp4').bind(port, '127.0.0.1')
      await once(holder, 'listening')
      await assert.rejects(start(port), {
        code: 'port_in_use',
        message: `registry.embedded.dns: cannot listen on 127.0.0.1:${port}: another process has it; stop that one or choose another port`,
      })
      await new Promise<void>((resolve) => holder.close(() => resolve()))
      // Nothing of the first try is left.
      await (await start(port)).close()
    })
  }

  it('is free again when the registry has closed', async () => {
    const first = await openDns()
    await ask(first.port, { name: 'consul', type: 'SOA' })
    await first.close()
    await assert.rejects(exchangeUdp(first.port, queryPacket({ name: 'consul', type: 'SOA' }), 50))
    await (await start(first.port)).close()
  })
})

function start(port: number): Promise<RegistryServer> {
  return startRegistryServer({
    http: { host: '127.0.0.1', port: 0 },
    data: null,
    node: 'n1',
    datacenter: 'dc1',
    dns: { ...dnsDefaults, bind: { host: '127.0.0.1', port } },
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
  })
}
