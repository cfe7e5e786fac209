import type { Socket } from 'node:net'
import type { AnswerCase } from '../../test/security/http1/answer-cases.ts'
import { openRaw, startRawInstance } from '../../test/support/raw-socket.ts'
import { until } from '../../test/support/until.ts'
import type { Running } from '../gateways/contestant.ts'
import { isListening } from './is-listening.ts'

/**
 * What a client gets of an answer of the service. `refused`: a 5xx of the gateway, its end, or the good answer to a second try. `passed on`: an answer, where there should be none.
 * `poisoned`: what stood behind the answer came to the next request. `served`: as it should be, where it should be.
 */
export type AnswerVerdict = 'served' | 'refused' | 'passed on' | 'poisoned' | 'waits' | 'crashed'

const good = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood'
const request = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

/** Has the service give each answer to one request, and a good one to the next. Ends the gateway. */
export async function playAnswers(
  cases: readonly AnswerCase[],
  start: (port: number) => Promise<Running>,
): Promise<readonly AnswerVerdict[]> {
  let answer = good
  const service = await startRawInstance((socket: Socket) => {
    socket.on('data', () => {
      socket.write(Buffer.from(answer, 'latin1'))
      answer = good
    })
  })
  let gateway = await start(service.port)
  const verdicts: AnswerVerdict[] = []
  for (const one of cases) {
    if (!(await isListening(gateway.port))) {
      verdicts.splice(-1, 1, 'crashed')
      gateway = await start(service.port)
    }
    answer = one.answer
    const first = await ask(gateway.port)
    // Whoever asked again by itself has used the bad one up already.
    answer = good
    const second = await ask(gateway.port)
    verdicts.push(verdictOn(one, first, second))
  }
  await gateway.stop()
  await service.kill()
  return verdicts
}

async function ask(port: number): Promise<string> {
  const client = await openRaw(port).catch(() => null)
  if (!client) return ''
  client.send(request)
  const isWhole = (): boolean => client.socket.closed || /HTTP\/1\.[01] [2-5]\d\d [^]*\r\n\r\n/.test(client.received())
  await until('an answer', isWhole, 1_500).catch(() => {})
  // What stands behind it comes now or never.
  await new Promise((resolve) => setTimeout(resolve, 60))
  client.socket.destroy()
  return client.received()
}

function verdictOn({ gives }: AnswerCase, first: string, second: string): AnswerVerdict {
  if (first.includes('poison') || second.includes('poison')) return 'poisoned'
  // It threw the answer away and asked again.
  if (!gives && first.endsWith('good')) return 'refused'
  const status = Number(/HTTP\/1\.[01] ([2-5]\d\d)/.exec(first)?.[1] ?? 0)
  if (gives) return status === gives[0] ? 'served' : 'refused'
  if (status >= 500 || (status === 0 && first === '')) return 'refused'
  return status === 0 ? 'waits' : 'passed on'
}
