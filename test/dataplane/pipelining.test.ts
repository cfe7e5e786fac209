import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { dataPlaneFixture } from '../support/data-plane-fixture.ts'
import type { TestDataPlane } from '../support/data-plane.ts'
import {
  allAnswered,
  answerTo,
  burst,
  pipeliningInstance,
  sendTogether,
  type Arrival,
  type PipeliningInstance,
} from '../support/pipelining-instance.ts'
import { until } from '../support/until.ts'

const fixture = dataPlaneFixture()

const [a, b, c, d] = ['GET /a', 'GET /b', 'GET /c', 'GET /d']

async function planeFor({ port }: PipeliningInstance, pipelining = 4): Promise<TestDataPlane> {
  return fixture.dataPlane({ upstreams: { app: [port] }, policy: { pipelining } })
}

/** Answers all, and each as `special` says where it says something. */
function answering(special: (line: string, arrival: Arrival) => string | null = () => null) {
  return (arrival: Arrival): void => {
    for (const line of arrival.lines) arrival.socket.write(special(line, arrival) ?? answerTo(line))
  }
}

/** Request lines that came together, the first request aside. */
const together = ({ arrivals }: PipeliningInstance) => arrivals.slice(1).map(({ lines }) => lines)

/** Why the only endpoint gets one request at a time. */
const offBecause = (plane: TestDataPlane, { port }: PipeliningInstance) =>
  plane.upstreams.get('app')?.pipeliningOf(`127.0.0.1:${port}`)?.offBecause

describe('requests that come in one turn', () => {
  it('leave together on one connection, and each gets its own answer', async () => {
    const service = await pipeliningInstance(fixture, answering())
    const lines = [a, b, c, d]
    await allAnswered(await burst(fixture, await planeFor(service), lines), lines)
    assert.deepEqual(together(service), [lines])
    assert.equal(service.connections, 1)
  })

  it('go one on each connection, unless the upstream is to get them otherwise', async () => {
    const service = await pipeliningInstance(fixture, answering())
    const lines = [a, b, c]
    await allAnswered(await burst(fixture, await planeFor(service, 1), lines), lines)
    assert.deepEqual(together(service).toSorted(), [[a], [b], [c]])
  })

  it('are no more on a connection than they may be, and none on one that has not served yet', async () => {
    const service = await pipeliningInstance(fixture, answering())
    const lines = [a, b, c, d]
    await allAnswered(await burst(fixture, await planeFor(service, 2), lines), lines)
    assert.deepEqual(together(service), [[a, b], [c], [d]])
  })

  it('are not sent together if one changes something, or begins a stream of events', async () => {
    const service = await pipeliningInstance(fixture, answering())
    const plane = await planeFor(service)
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
    const clients = await burst(fixture, await planeFor(service, 8), lines)
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
    const clients = await burst(fixture, await planeFor(service), [a, b])
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
    const plane = await planeFor(service)
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
    const clients = await burst(fixture, await planeFor(service), [a, b, c])
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
      const plane = await planeFor(service)
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
    const plane = await planeFor(service)
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
    const plane = await planeFor(service)
    const clients = await burst(fixture, plane, [a, b])
    await until('they wait', () => service.arrivals.length === 2)
    for (const { socket } of clients) socket.destroy()
    await until('the connection is closed', () => service.arrivals[1]?.socket.destroyed === true)
    assert.equal(plane.inFlight(), 0)
  })
})

describe('an upstream that cannot take requests behind each other', () => {
  it('because it closes after the first answer has the others sent again, and soon gets one at a time', async () => {
    for (const close of ['Connection: close\r\n', '']) {
      const service = await pipeliningInstance(fixture, ({ socket, lines }) => {
        const [first = ''] = lines
        if (lines.length === 1) socket.write(answerTo(first))
        else socket.end(answerTo(first, close))
      })
      const plane = await planeFor(service)
      for (let i = 0; i < 3; i++) {
        assert.equal(offBecause(plane, service), null)
        await allAnswered(await burst(fixture, plane, [a, b, c]), [a, b, c])
      }
      assert.match(offBecause(plane, service) ?? '', /closes its connections/)
      assert.equal(plane.upstreams.get('app')?.stats.pipeliningOff, 1)
      const before = service.arrivals.length
      await allAnswered(await burst(fixture, plane, [a, b, c]), [a, b, c])
      assert.deepEqual(
        service.arrivals.slice(before).filter(({ lines }) => lines.length > 1),
        [],
      )
      assert.deepEqual(plane.troubles, [])
    }
  })

  it('but does so only now and then goes on getting them together', async () => {
    let answered = 0
    // As servers do that end each connection after so many requests.
    const service = await pipeliningInstance(fixture, ({ socket, lines }) => {
      for (const line of lines) {
        if (++answered % 10 === 0) return void socket.end(answerTo(line, 'Connection: close\r\n'))
        socket.write(answerTo(line))
      }
    })
    const plane = await planeFor(service)
    for (let i = 0; i < 12; i++) await allAnswered(await burst(fixture, plane, [a, b, c]), [a, b, c])
    assert.equal(offBecause(plane, service), null)
    assert.ok(service.arrivals.some(({ lines }) => lines.length > 1))
  })

  for (const [what, wrong, reason] of [
    ['answers in HTTP/1.0', () => 'HTTP/1.0 200 OK\r\nContent-Length: 8\r\n\r\n<GET /a>', /HTTP\/1\.0/],
    ['sends more than its answers', () => `${answerTo(a)}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno`, /./],
    ['mixes up where answers end', () => `${answerTo(a)}and more`, /./],
  ] as const) {
    it(`because it ${what} gets one at a time from then on`, async () => {
      const service = await pipeliningInstance(fixture, (arrival) => {
        const isLast = (line: string) => line === arrival.lines.at(-1)
        // The surplus stands behind the last answer, where it can only be surplus.
        answering((line) => {
          if (arrival.lines.length === 1) return null
          if (what === 'answers in HTTP/1.0') return line === a ? wrong() : ''
          return isLast(line)
            ? wrong()
                .replaceAll(a, line)
                .replace('Length: 8', `Length: ${line.length + 2}`)
            : null
        })(arrival)
      })
      const plane = await planeFor(service)
      await allAnswered(await burst(fixture, plane, [a, b]), [a, b])
      await until('it is told', () => offBecause(plane, service) !== null)
      assert.match(offBecause(plane, service) ?? '', reason)
      const before = service.arrivals.length
      await allAnswered(await burst(fixture, plane, [a, b]), [a, b])
      assert.ok(service.arrivals.slice(before).every(({ lines }) => lines.length === 1))
    })
  }

  it('because it breaks off within an answer has that client cut off and the others answered', async () => {
    const service = await pipeliningInstance(fixture, ({ socket, lines }) => {
      for (const line of lines) {
        if (lines.length > 1 && line === b) return void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n<half')
        socket.write(answerTo(line))
      }
    })
    const clients = await burst(fixture, await planeFor(service), [a, b, c])
    await allAnswered([clients[0] ?? assert.fail(), clients[2] ?? assert.fail()], [a, c])
    assert.match((await clients[1]?.closed) ?? '', /<half$/)
  })
})

describe('a server that speaks before it is asked', () => {
  it('is not heard: the request goes out on another connection', async () => {
    const service = await pipeliningInstance(fixture, answering())
    const plane = await planeFor(service, 1)
    for (let i = 0; i < 4; i++) {
      const [client] = [await fixture.client(plane.port)]
      client.send('GET /warm HTTP/1.1\r\nHost: a\r\n\r\n')
      await until('the first answer', () => client.received().includes('<GET /warm>'))
      const speak = () =>
        service.arrivals.at(-1)?.socket.end('HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
      if (i % 2 === 0) speak()
      sendTogether([client], [a])
      if (i % 2 === 1) speak()
      await until('the answer', () => client.received().endsWith(`<${a}>`))
      assert.ok(!client.received().includes(' 408 '))
    }
  })
})
