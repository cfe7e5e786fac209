// The library `meshgate/client` beside undici alone, two instances each: requests per CPU second of this process, and bytes that it allocates
// per request. `npm run bench:client -- --seconds 2 --rounds 5`; results in bench/results/client.md.
import { spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Agent, request, type Dispatcher } from 'undici'
import { connect } from '../src/client/connect.ts'
import { systemClock, systemRandom } from '../src/clock.ts'
import { silentLogger } from '../src/logging.ts'
import { startRegistryServer } from '../src/registry-server/server.ts'
import { freePorts } from '../test/support/meshgate-process.ts'
import { registerInstance } from '../test/support/registries.ts'
import { until } from '../test/support/until.ts'

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '2' }, rounds: { type: 'string', default: '5' } } })
const [runMs, rounds] = [Number(values.seconds) * 1_000, Number(values.rounds)]
const CONCURRENCY = 64
const posted = Buffer.alloc(1024, 'x')

/** What the heap has grown by, in steps that are short beside the time between two collections; a step that had one is lost. */
class Allocated {
  #bytes = 0
  #before = process.memoryUsage().heapUsed

  look(): void {
    const now = process.memoryUsage().heapUsed
    this.#bytes += Math.max(0, now - this.#before)
    this.#before = now
  }

  end(): number {
    this.look()
    return this.#bytes
  }
}

/** One way to ask an instance; resolves when the whole answer is there. */
type Ask = () => Promise<void>

const ports = await freePorts(2)
const program = fileURLToPath(new URL('instance-server.ts', import.meta.url))
const instances: ChildProcess[] = ports.map((port) => spawn(process.execPath, [program, String(port)], { stdio: 'ignore' }))
const shared = { clock: systemClock, random: systemRandom, logger: silentLogger }
const http = { host: '127.0.0.1', port: 0 }
const server = await startRegistryServer({ http, data: null, node: 'n1', datacenter: 'dc1', ...shared })
const address = `http://127.0.0.1:${server.address.port}`
const agent = new Agent()
try {
  for (const port of ports) {
    await until('an instance listens', async () => (await fetch(`http://127.0.0.1:${port}/`)).ok)
    await registerInstance(address, 'orders', port)
  }
  await using mesh = await connect({ registry: address })
  await report(waysOf(mesh.dispatcher, mesh.fetch))
} finally {
  for (const instance of instances) instance.kill()
  await agent.destroy()
  await server.close()
}

/** undici's own way and the library's, for each kind of request. */
function waysOf(dispatcher: Dispatcher, meshFetch: typeof fetch): Readonly<Record<string, readonly [Ask, Ask]>> {
  let turn = 0
  const direct = (): string => `http://127.0.0.1:${ports[turn++ % 2]}`
  const agentFetch = ((url: string) => fetch(url, { dispatcher: agent } as object)) as typeof fetch
  return {
    'dispatch, GET': [dispatched(agent, direct), dispatched(dispatcher, byName)],
    'request, GET': [requested(agent, direct, null), requested(dispatcher, byName, null)],
    'request, POST of 1 KiB': [requested(agent, direct, posted), requested(dispatcher, byName, posted)],
    'fetch, GET': [fetched(agentFetch, direct), fetched(meshFetch, byName)],
  }
}

function byName(): string {
  return 'http://orders'
}

function dispatched(through: Dispatcher, origin: () => string): Ask {
  return () =>
    new Promise((resolve, reject) => {
      through.dispatch(
        { origin: origin(), path: '/', method: 'GET' },
        {
          onRequestStart() {},
          onResponseStart() {},
          onResponseData() {},
          onResponseEnd: () => resolve(),
          onResponseError: (_, error) => reject(error),
        },
      )
    })
}

function requested(through: Dispatcher, origin: () => string, body: Buffer | null): Ask {
  const method = body ? 'POST' : 'GET'
  return async () => {
    const answer = await request(`${origin()}/`, { dispatcher: through, method, body })
    await answer.body.dump()
  }
}

function fetched(by: typeof fetch, origin: () => string): Ask {
  return async () => void (await (await by(`${origin()}/`)).arrayBuffer())
}

interface Measured {
  readonly perCpuSecond: number
  readonly bytesPerRequest: number
}

async function report(ways: Readonly<Record<string, readonly [Ask, Ask]>>): Promise<void> {
  console.log('| way | undici per CPU s | library per CPU s | ratio | lowest, highest | undici bytes | library bytes |')
  console.log('| --- | ---: | ---: | ---: | --- | ---: | ---: |')
  for (const [name, pair] of Object.entries(ways)) {
    for (const ask of pair) await measure(ask, 300)
    const runs: (readonly [Measured, Measured])[] = []
    for (let round = 0; round < rounds; round++) {
      const isForward = round % 2 === 0
      const first = await measure(pair[isForward ? 0 : 1], runMs)
      const second = await measure(pair[isForward ? 1 : 0], runMs)
      runs.push(isForward ? [first, second] : [second, first])
    }
    const ratios = runs.map(([alone, ours]) => ours.perCpuSecond / alone.perCpuSecond)
    const of = (at: 0 | 1, key: keyof Measured): string =>
      Math.round(median(runs.map((run) => run[at][key]))).toLocaleString('en')
    const speeds = `${of(0, 'perCpuSecond')} | ${of(1, 'perCpuSecond')} | **${median(ratios).toFixed(2)}**`
    const range = `${Math.min(...ratios).toFixed(2)}, ${Math.max(...ratios).toFixed(2)}`
    console.log(`| ${name} | ${speeds} | ${range} | ${of(0, 'bytesPerRequest')} | ${of(1, 'bytesPerRequest')} |`)
  }
}

async function measure(ask: Ask, forMs: number): Promise<Measured> {
  const allocated = new Allocated()
  const cpuBefore = process.cpuUsage()
  const endAt = performance.now() + forMs
  let answers = 0
  const client = async (): Promise<void> => {
    while (performance.now() < endAt) {
      await ask()
      if (++answers % 200 === 0) allocated.look()
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, client))
  const { user, system } = process.cpuUsage(cpuBefore)
  return { perCpuSecond: answers / ((user + system) / 1e6), bytesPerRequest: allocated.end() / answers }
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN
}
