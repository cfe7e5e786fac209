/**
 * Requests at planned times, whether those before are answered or not, as many clients do that know nothing of one another (exponential
 * gaps, seeded). Latency is counted from the planned time, so that a gateway that stalls cannot hide the requests that would have come
 * meanwhile. Prints percentiles in µs: `node open-loop.ts PORT RATE_PER_SECOND SECONDS`.
 */
import { writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { seededRandom } from '../../../test/support/seeded-random.ts'

const [port = 0, perSecond = 1, seconds = 1] = process.argv.slice(2).map(Number)
const connections = 256
const request = Buffer.from('GET / HTTP/1.1\r\nHost: bench\r\nUser-Agent: open-loop\r\nAccept: */*\r\n\r\n')
const random = seededRandom(4)
const cell = new Int32Array(new SharedArrayBuffer(4))

// The system otherwise lets a sleeper lie up to 50 µs longer.
writeFileSync('/proc/self/timerslack_ns', '1000')

/** Planned times, ms, of the requests that are under way or still wait for a connection. */
const waiting: number[] = []
let waitingFrom = 0
const idle: Client[] = []
const latenciesUs: number[] = []
let [failed, latestSendUs] = [0, 0]

class Client {
  readonly #socket: Socket
  #plannedMs = 0
  #isBusy = false

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => this.#onData(chunk))
    socket.on('error', () => {})
    socket.on('close', () => failed++)
  }

  send(plannedMs: number): void {
    this.#plannedMs = plannedMs
    this.#isBusy = true
    this.#socket.write(request)
  }

  #onData(chunk: Buffer): void {
    // One request at a time, and an answer so short comes in one piece.
    if (!this.#isBusy || !chunk.subarray(0, 13).equals(answerStart) || !chunk.subarray(-answerEnd.length).equals(answerEnd)) {
      failed++
      return
    }
    this.#isBusy = false
    latenciesUs.push((performance.now() - this.#plannedMs) * 1000)
    if (waitingFrom < waiting.length) this.send(waiting[waitingFrom++] ?? 0)
    else idle.push(this)
  }
}

const answerStart = Buffer.from('HTTP/1.1 200 ')
const answerEnd = Buffer.from('all of')

async function open(): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  idle.push(new Client(socket))
}

for (let i = 0; i < connections; i += 16) await Promise.all(Array.from({ length: 16 }, open))
const startMs = performance.now() + 50
let nextMs = startMs

function plan(nowMs: number): void {
  while (nextMs <= nowMs) {
    const client = idle.pop()
    latestSendUs = Math.max(latestSendUs, (nowMs - nextMs) * 1000)
    if (client) client.send(nextMs)
    else waiting.push(nextMs)
    nextMs += (-Math.log(1 - random()) * 1000) / perSecond
  }
}

function turn(): void {
  const nowMs = performance.now()
  if (nowMs > startMs + seconds * 1000) return finish()
  plan(nowMs)
  // The services want this core too: it sleeps until something is due, but looks for answers every now and then.
  const leftMs = Math.min(nextMs - performance.now(), 0.05)
  if (leftMs > 0.005) Atomics.wait(cell, 0, 0, leftMs)
  setImmediate(turn)
}

function finish(): void {
  const sorted = latenciesUs.toSorted((a, b) => a - b)
  const at = (ratio: number): number => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * ratio))] ?? 0)
  console.log(
    JSON.stringify({
      done: sorted.length,
      planned: Math.round(perSecond * seconds),
      failed,
      unsent: waiting.length - waitingFrom,
      p50: at(0.5),
      p90: at(0.9),
      p99: at(0.99),
      p999: at(0.999),
      latestSendUs: Math.round(latestSendUs),
    }),
  )
  process.exit(0)
}

turn()
