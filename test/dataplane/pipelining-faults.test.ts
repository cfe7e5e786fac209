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
} from '../support/pipelining-instance.ts'
import { until } from '../support/until.ts'

const fixture = dataPlaneFixture()

const [a, b, c] = ['GET /a', 'GET /b', 'GET /c']

describe('an upstream that cannot take requests behind each other', () => {
  it('because it closes after the first answer has the others sent again, and soon gets one at a time', async () => {
    for (const close of ['Connection: close\r\n', '']) {
      const service = await pipeliningInstance(fixture, ({ socket, lines }) => {
        const [first = ''] = lines
        if (lines.length === 1) socket.write(answerTo(first))
        else socket.end(answerTo(first, close))
      })
      const plane = await planeFor(fixture, service)
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
        if (socket.writableEnded) return
        if (++answered % 10 === 0) socket.end(answerTo(line, 'Connection: close\r\n'))
        else socket.write(answerTo(line))
      }
    })
    const plane = await planeFor(fixture, service)
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
      const plane = await planeFor(fixture, service)
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
        if (socket.writableEnded) return
        if (lines.length > 1 && line === b) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n<half')
        else socket.write(answerTo(line))
      }
    })
    const clients = await burst(fixture, await planeFor(fixture, service), [a, b, c])
    await allAnswered([clients[0] ?? assert.fail(), clients[2] ?? assert.fail()], [a, c])
    assert.match((await clients[1]?.closed) ?? '', /<half$/)
  })
})

describe('a server that speaks before it is asked', () => {
  it('is not heard: the request goes out on another connection', async () => {
    const service = await pipeliningInstance(fixture, answering())
    const plane = await planeFor(fixture, service, 1)
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
