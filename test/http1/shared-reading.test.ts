import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, Socket, type AddressInfo, type Server } from 'node:net'
import { afterEach, describe, it } from 'node:test'
import { SharedReading } from '../../src/http1/shared-reading.ts'
import { until } from '../support/until.ts'

const cleanups: (() => unknown)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

/** A socket that is not the plain one, as that of a TLS connection. */
class OtherSocket extends Socket {}

interface Pair {
  readonly server: Server
  readonly client: Socket
  readonly accepted: Socket
}

async function pair(kind: 'plain' | 'other'): Promise<Pair> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepting = once(server, 'connection')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [accepted] = (await accepting) as [Socket]
  client.on('error', () => {})
  cleanups.push(
    () => client.destroy(),
    () => server.close(),
  )
  if (kind === 'other') Object.setPrototypeOf(accepted, OtherSocket.prototype)
  return { server, client, accepted }
}

for (const kind of ['plain', 'other'] as const) {
  describe(`the reading of ${kind === 'plain' ? 'a plain socket' : 'another kind of socket'}`, () => {
    it('hands over what comes, and stops while the socket is paused', async () => {
      const { client, accepted } = await pair(kind)
      let seen = ''
      const { socket } = new SharedReading(accepted, (memory, length) => void (seen += memory.toString('latin1', 0, length)))
      assert.equal(socket === accepted, kind === 'other')
      cleanups.push(() => socket.destroy())
      client.write('one')
      await until('the first piece', () => seen === 'one')
      socket.pause()
      client.write('two')
      await new Promise((resolve) => setTimeout(resolve, 20))
      assert.equal(seen, 'one')
      socket.resume()
      await until('the second piece', () => seen === 'onetwo')
    })

    it('tells the end of the other side, and the server counts the connection until it is closed', async () => {
      const { server, client, accepted } = await pair(kind)
      const { socket } = new SharedReading(accepted, () => {})
      const ended = once(socket, 'end')
      client.end()
      await ended
      const open = await new Promise((resolve) => server.getConnections((_, count) => resolve(count)))
      assert.equal(open, 1)
      const closed = once(server, 'close')
      server.close()
      socket.end()
      await closed
    })

    it('goes into the stream of a released socket, no faster than that is read', async () => {
      const { client, accepted } = await pair(kind)
      const reading = new SharedReading(accepted, () => {})
      const { socket } = reading
      cleanups.push(() => socket.destroy())
      reading.release()
      const sent = Buffer.alloc(16 * 1024 * 1024, 'abcdefghijk')
      client.end(sent)
      await new Promise((resolve) => setTimeout(resolve, 50))
      assert.ok(socket.readableLength <= 256 * 1024, `${socket.readableLength} bytes were read for nobody`)
      const pieces: Buffer[] = []
      for await (const piece of socket) pieces.push(piece as Buffer)
      assert.ok(Buffer.concat(pieces).equals(sent))
    })
  })
}

describe('connections that share the memory they are read into', () => {
  it('keep their bodies apart', async () => {
    const pairs = await Promise.all(Array.from({ length: 8 }, () => pair('plain')))
    const seen = pairs.map(() => '')
    pairs.forEach(({ accepted }, at) => {
      const { socket } = new SharedReading(accepted, (memory, length) => void (seen[at] += memory.toString('latin1', 0, length)))
      cleanups.push(() => socket.destroy())
    })
    for (let i = 0; i < 50; i++) pairs.forEach(({ client }, at) => client.write(`${at}`.repeat(100)))
    await until('all', () => seen.every((text) => text.length === 5_000))
    seen.forEach((text, at) => assert.equal(text, `${at}`.repeat(5_000)))
  })
})
