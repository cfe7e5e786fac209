import type { Socket } from 'node:net'
import type { DataPlaneFixture } from './data-plane-fixture.ts'
import type { RawClient, RawInstance } from './raw-socket.ts'
import type { TestDataPlane } from './data-plane.ts'
import { until } from './until.ts'

/** What a raw service gets in one piece. */
export interface Arrival {
  readonly socket: Socket
  /** Which connection, from 0. */
  readonly connection: number
  /** Request lines without the version: `GET /a`. */
  readonly lines: readonly string[]
}

/** A service that sees requests as they are written, bodiless ones only. */
export interface PipeliningInstance extends RawInstance {
  readonly arrivals: readonly Arrival[]
}

/** Starts one; `answer` writes what it likes. */
export async function pipeliningInstance(
  { rawInstance }: DataPlaneFixture,
  answer: (arrival: Arrival) => void,
): Promise<PipeliningInstance> {
  const arrivals: Arrival[] = []
  let connections = 0
  const instance = await rawInstance((socket) => {
    const connection = connections++
    socket.on('data', (chunk: Buffer) => {
      const heads = chunk.toString('latin1').split('\r\n\r\n').filter(Boolean)
      const arrival = { socket, connection, lines: heads.map((head) => head.split(' HTTP/')[0] ?? '') }
      arrivals.push(arrival)
      answer(arrival)
    })
  })
  return Object.assign(instance, { arrivals })
}

/** A plain answer that says which request it is for. */
export function answerTo(line: string, fields = ''): string {
  const body = line.startsWith('HEAD') ? '' : `<${line}>`
  return `HTTP/1.1 200 OK\r\nContent-Length: ${`<${line}>`.length}\r\n${fields}\r\n${body}`
}

/** Clients whose requests the gateway reads in one turn, after a first one has opened a connection to the service. */
export async function burst(
  { client }: DataPlaneFixture,
  plane: TestDataPlane,
  lines: readonly string[],
): Promise<readonly RawClient[]> {
  const clients = await Promise.all(lines.map(() => client(plane.port)))
  // Connections are taken in their order: once the last has its answer, all can be read from.
  const warm = await client(plane.port)
  warm.send('GET /warm HTTP/1.1\r\nHost: a\r\n\r\n')
  await until('the first answer', () => warm.received().includes('<GET /warm>'))
  return sendTogether(clients, lines)
}

/** What is written within one tick is there when the loop looks next. */
export function sendTogether(clients: readonly RawClient[], lines: readonly string[]): readonly RawClient[] {
  clients.forEach((client, at) => client.send(`${lines[at]} HTTP/1.1\r\nHost: a\r\n\r\n`))
  return clients
}

/** Waits until each has got the answer that belongs to it, and no other. */
export async function allAnswered(clients: readonly RawClient[], lines: readonly string[]): Promise<void> {
  for (const [at, { received }] of clients.entries()) {
    await until(`the answer to ${lines[at]}`, () => received().endsWith(`<${lines[at]}>`))
  }
  clients.forEach(({ received }, at) => {
    const answers = received().split('HTTP/1.1 ').length - 1
    if (answers !== 1 || !received().startsWith('HTTP/1.1 200 ')) throw new Error(`${lines[at]} was answered: ${received()}`)
  })
}

/** A gateway in front of one. */
export function planeFor({ dataPlane }: DataPlaneFixture, { port }: PipeliningInstance, pipelining = 4): Promise<TestDataPlane> {
  return dataPlane({ upstreams: { app: [port] }, policy: { pipelining } })
}

/** Why the service gets one request at a time; null: it does not. */
export function offBecause({ upstreams }: TestDataPlane, { port }: PipeliningInstance): string | null | undefined {
  return upstreams.get('app')?.pipeliningOf(`127.0.0.1:${port}`)?.offBecause
}

/** Answers all, and each as `special` says where it says something. */
export function answering(special: (line: string, arrival: Arrival) => string | null = () => null) {
  return (arrival: Arrival): void => {
    for (const line of arrival.lines) arrival.socket.write(special(line, arrival) ?? answerTo(line))
  }
}
