import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { dataPlaneFixture } from '../support/data-plane-fixture.ts'
import {
  allAnswered,
  answering,
  answerTo,
  burst,
  offBecause,
  pipeliningInstance,
  planeFor,
  sendTogether,
  type Arrival,
  type PipeliningInstance,
} from '../support/pipelining-instance.ts'
import { until } from '../support/until.ts'

const fixture = dataPlaneFixture()

const [a, b, c, d] = ['GET /a', 'GET /b', 'GET /c', 'GET /d']

/** Request lines that came together, the first request aside. */
const together = ({ arrivals }: PipeliningInstance) => arrivals.slice(1).map(({ lines }) => lines)

describe('requests that come in one turn', () => {
  it('leave together on one connection, and each gets its own answer', async () => {
    const service = await pipeliningInstance(fixture, answering())
    const lines = [a, b, c, d]
    await allAnswered(await burst(fixture, await planeFor(fixture, service), lines), lines)
    assert.deepEqual(together(service), [lines])
    assert.equal(service.connections, 1)
  })

  it('go one on each connection, unless the upstream is to get them otherwise', async () => {
    const service = await pipeliningInstance(fixture, answering())
    const lines = [a, b, c]
    await allAnswered(await burst(fixture, await planeFor(fixture, service, 1), lines), lines)
    assert.deepEqual(together(service).toSorted(), [[a], [b], [c]])
  })

  it('are no more on a connection than they may be, and none on one that has not served yet', async () => {
    const service = await pipeliningInstance(fixture, answering())
    const lines = [a, b, c, d]
    await allAnswered(await burst(fixture, await planeFor(fixture, service, 2), lines), lines)
    assert.deepEqual(together(service), [[a, b], [c], [d]])
  })

  it('are not sent together if one changes something, or begins a stream of events', async () => {
    const service = await pipeliningInstance(fixture, answering())
    const plane = await planeFor(fixture, service)
    const events = 'GET /events HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n'
    const clients = await burst(fixture, plane, ['DELETE /x', a])
    await allAnswered(clients, ['DELETE /x', a])
    const [first, second] = [await fixture.client(plane.port), await fixture.client(plane.port)]
    first.send(events)
    second.send(`${b} HTTP/1.1\r\nHost: a\r\n\r\n`)
    await until('both', () => first.received().includes('<GET /events>') && second.received().includes(`<${b}>`))
    assert.deepEqual(
      together(service).filter(({ length }) => length > 1),
      [],
    )
  })

  it('get their answers apart, whatever form these have', async () => {
    const special: Record<string, string> = {
      'GET /chunked': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n<ch\r\n5\r\nunks>\r\n0\r\nX-T: 1\r\n\r\n',
      'GET /early': `HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n${answerTo('GET /early')}`,
      'GET /same': 'HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\nETag: "x"\r\n\r\n',
      'GET /none': 'HTTP/1.1 204 No Content\r\n\r\n',
      'GET /empty': 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
    }
    const service = await pipeliningInstance(
      fixture,
      answering((line) => special[line] ?? null),
    )
    const lines = ['HEAD /head', 'GET /same', 'GET /chunked', 'GET /none', 'GET /early', 'GET /empty', 'OPTIONS /last']
    const clients = await burst(fixture, await planeFor(fixture, service, 8), lines)
    await until('the last', () => clients[6]?.received().endsWith('<OPTIONS /last>') === true)
    assert.deepEqual(together(service), [lines])
    const texts = clients.map(({ received }) => received())
    assert.match(texts[0] ?? '', /^HTTP\/1\.1 200 [^]*\r\nContent-Length: 12\r\n[^]*\r\n\r\n$/i)
    assert.match(texts[1] ?? '', /^HTTP\/1\.1 304 [^]*\r\n\r\n$/)
    assert.match(texts[2] ?? '', /^HTTP\/1\.1 200 [^]*3\r\n<ch\r\n5\r\nunks>\r\n0\r\n\r\n$/)
    assert.match(texts[3] ?? '', /^HTTP\/1\.1 204 [^]*\r\n\r\n$/)
    assert.match(texts[4] ?? '', /^HTTP\/1\.1 103 [^]*\r\n\r\nHTTP\/1\.1 200 [^]*<GET \/early>$/)
    assert.match(texts[5] ?? '', /^HTTP\/1\.1 200 [^]*\r\n\r\n$/)
    assert.equal(plane1Of(clients), 7)
  })

  it('are read no faster than a slow client takes the answer in front, and come whole', async () => {
    const body = 'x'.repeat(8 * 1024 * 1024)
    const service = await pipeliningInstance(
      fixture,
      answering((line) => (line === a ? `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}` : null)),
    )
    const clients = await burst(fixture, await planeFor(fixture, service), [a, b])
    clients[0]?.socket.pause()
    await allAnswered(clients.slice(1), [b])
    clients[0]?.socket.resume()
    await until('the long answer', () => clients[0]?.received().endsWith(body) === true)
  })
})

function plane1Of(clients: readonly { readonly received: () => string }[]): number {
  return clients.filter(({ received }) => received() !== '').length
}

describe('a slow answer in front', () => {
  it('keeps no new request from its answer, and those behind it only for a moment', async () => {
    const service = await pipeliningInstance(fixture, ({ socket, lines }) => {
      // Whoever is asked for /a answers nothing any more.
      const answers = lines.slice(0, lines.includes(a) ? lines.indexOf(a) : lines.length)
      for (const line of answers) socket.write(answerTo(line))
    })
    const plane = await planeFor(fixture, service)
    const clients = await burst(fixture, plane, [a, b, c])
    await until('they wait', () => service.arrivals.length === 2)
    await allAnswered(sendTogether([await fixture.client(plane.port)], [d]), [d])
    assert.equal(clients[1]?.received(), '')
    await allAnswered(clients.slice(1), [b, c])
    assert.equal(clients[0]?.received(), '')
    assert.equal(offBecause(plane, service), null)
  })

  it('that ends with its connection has those behind it go elsewhere at once', async () => {
    const service = await pipeliningInstance(fixture, ({ socket, lines }) => {
      const at = lines.indexOf(a)
      for (const line of at < 0 ? lines : lines.slice(0, at)) socket.write(answerTo(line))
      if (at >= 0) socket.write(`HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<${a}`)
    })
    const clients = await burst(fixture, await planeFor(fixture, service), [a, b, c])
    await allAnswered(clients.slice(1), [b, c])
    service.arrivals[1]?.socket.end('>')
    await until('the answer in front', () => clients[0]?.received().endsWith('0\r\n\r\n') === true)
  })
})

describe('a client that leaves', () => {
  it('while others wait on the same connection costs them nothing', async () => {
    for (const [leaving, lines] of [
      [0, [a, b, c]],
      [1, [a, b, c]],
      [2, [a, b, c]],
    ] as const) {
      const held: Arrival[] = []
      const service = await pipeliningInstance(fixture, (arrival) => {
        if (arrival.lines.includes('GET /warm')) answering()(arrival)
        else held.push(arrival)
      })
      const plane = await planeFor(fixture, service)
      const clients = await burst(fixture, plane, lines)
      await until('they wait', () => held.length === 1)
      clients[leaving]?.socket.destroy()
      await until('it has left', () => plane.inFlight() === 2)
      held.forEach((arrival) => answering()(arrival))
      const others = lines.map((_, at) => at).filter((at) => at !== leaving)
      await allAnswered(
        others.map((at) => clients[at] ?? assert.fail()),
        others.map((at) => lines[at] ?? ''),
      )
      assert.equal(service.connections, 1)
    }
  })

  it('in the midst of a long answer has it read to a limit, and those behind go elsewhere', async () => {
    let flooding = 0
    const service = await pipeliningInstance(fixture, ({ socket, lines }) => {
      const at = lines.indexOf(a)
      for (const line of at < 0 ? lines : lines.slice(0, at)) socket.write(answerTo(line))
      if (at < 0) return
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n')
      const flood = (): void => {
        flooding++
        if (!socket.destroyed && socket.write(Buffer.alloc(16 * 1024))) setImmediate(flood)
        else socket.once('drain', flood)
      }
      flood()
    })
    const plane = await planeFor(fixture, service)
    const clients = await burst(fixture, plane, [a, b])
    await until('it comes', () => clients[0]?.received() !== '')
    clients[0]?.socket.destroy()
    await allAnswered(clients.slice(1), [b])
    await until('the long one is cut', () => service.arrivals[1]?.socket.destroyed === true)
    assert.ok(flooding > 0)
  })

  it('as the last one of a connection has it closed', async () => {
    const service = await pipeliningInstance(fixture, (arrival) => {
      if (arrival.lines.includes('GET /warm')) answering()(arrival)
    })
    const plane = await planeFor(fixture, service)
    const clients = await burst(fixture, plane, [a, b])
    await until('they wait', () => service.arrivals.length === 2)
    for (const { socket } of clients) socket.destroy()
    await until('the connection is closed', () => service.arrivals[1]?.socket.destroyed === true)
    assert.equal(plane.inFlight(), 0)
  })
})
