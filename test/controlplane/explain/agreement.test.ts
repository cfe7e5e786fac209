import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { Client } from 'undici'
import { systemClock } from '../../../src/clock.ts'
import { ConfigError } from '../../../src/config/problem.ts'
import { compileCandidate } from '../../../src/controlplane/explain/candidate.ts'
import { explain, type Explained } from '../../../src/controlplane/explain/explain.ts'
import type { Explanation } from '../../../src/controlplane/explain/explanation.ts'
import type { AccessRecord } from '../../../src/dataplane/access-log.ts'
import { Gateway } from '../../../src/dataplane/gateway.ts'
import { startListener } from '../../../src/dataplane/listener/listener.ts'
import { createLogger } from '../../../src/logging.ts'
import { anyConfig, anyMembers, anyVisit, type Visit } from '../../support/arbitrary-configs.ts'
import { defaultLimits } from '../../support/data-plane.ts'
import { startInstance, type TestInstance } from '../../support/instance.ts'

const isLong = process.env.MESHGATE_SOAK === '1'
const REQUESTS = isLong ? 100_000 : 1_500
const REQUESTS_PER_CONFIG = 50
const seed = Number(process.env.SEED ?? 0) || Math.floor(systemClock.now() % 2 ** 31)

/** Random numbers that can be told again: what is drawn for an answer is then drawn once more for the request. */
class RepeatableRandom {
  #at = 0

  readonly next = (): number => {
    this.#at++
    return (Math.imul(this.#at ^ (this.#at >>> 7), 0x9e37_79b1) >>> 0) / 2 ** 32
  }

  mark(): () => void {
    const before = this.#at
    return () => {
      this.#at = before
    }
  }
}

/** What the instance that was asked has seen. */
interface Seen {
  readonly port: number
  readonly target: string
  readonly tenant: string | null
}

describe('explain', () => {
  it(`agrees with what really happens, for random requests over random configs (seed ${seed})`, async () => {
    const instances = await Promise.all(Array.from({ length: 5 }, () => startEcho()))
    const random = new RepeatableRandom()
    const records: AccessRecord[] = []
    const logger = createLogger('info', { write: (line) => void records.push(JSON.parse(line) as AccessRecord) })
    const gateway = new Gateway({ clock: systemClock, random: random.next, logger, accessLog: true })
    const deps = {
      context: { env: {} },
      clock: systemClock,
      random: random.next,
      logger: createLogger('silent', { write: () => {} }),
    }
    const common = {
      name: 'listeners.test',
      bind: { host: '127.0.0.1', port: 0 },
      trust: ['127.0.0.1'],
      proxyStatus: 'off',
    } as const
    const origin = { clock: systemClock, random: () => 0.5, logger }
    const listener = await startListener({ ...common, ...origin, limits: defaultLimits, serve: gateway.serve })
    const client = new Client(`http://127.0.0.1:${listener.address.port}`)
    const counts = { requests: 0, configs: 0, forwarded: 0, replied: 0, unrouted: 0, refused: 0, refusedConfigs: 0 }
    const ports = instances.map(({ port }) => port)
    const configs = fc.sample(anyConfig, { seed, numRuns: isLong ? 5_000 : 400 })
    const members = fc.sample(anyMembers(ports), { seed, numRuns: 1_000 })
    const visits = fc.sample(anyVisit, { seed, numRuns: 5_000 })
    try {
      for (let round = 0; counts.requests < REQUESTS; round++) {
        const text = JSON.stringify(sampled(configs, round))
        const explained = compiled(text, deps)
        // Two routes that take the same are refused at load; others follow.
        if (!explained) {
          counts.refusedConfigs++
          assert.ok(counts.refusedConfigs < 20 + 20 * counts.configs, 'most random configs are good')
          continue
        }
        counts.configs++
        const upstreams = new Set(explained.snapshot.routes.flatMap(({ to }) => to.map(({ upstream }) => upstream)))
        for (const [at, upstream] of [...upstreams].entries()) upstream.setMembers(sampled(members, 3 * round + at))
        gateway.snapshot = explained.snapshot
        for (let at = 0; at < REQUESTS_PER_CONFIG; at++) {
          const visit = sampled(visits, counts.requests)
          const putBack = random.mark()
          const told = explain(explained, questionOf(visit), random.next)
          putBack()
          records.length = 0
          const answer = await client.request(requestOf(visit))
          const body = await answer.body.text()
          const [record] = records
          assert.ok(record)
          compare(
            told,
            { status: answer.statusCode, body, record },
            `seed ${seed}, round ${round}: ${JSON.stringify(visit)} ${text}`,
          )
          counts.requests++
          counts[kindOf(told)]++
        }
        await Promise.all([...upstreams].map((upstream) => upstream.close(0)))
      }
      console.log(`explain agrees: ${JSON.stringify(counts)}`)
      for (const kind of ['forwarded', 'replied', 'unrouted', 'refused'] as const)
        assert.ok(counts[kind] > 0, `${kind}: ${counts[kind]} of ${counts.requests}`)
    } finally {
      await client.destroy()
      await listener.close(0)
      await Promise.all(instances.map((instance) => instance.kill()))
    }
  })
})

function sampled<T>(all: readonly T[], at: number): T {
  const found = all[at % all.length]
  if (found === undefined) throw new Error('nothing was sampled')
  return found
}

interface Happened {
  readonly status: number
  readonly body: string
  readonly record: AccessRecord
}

function compare(told: Explanation, { status, body, record }: Happened, about: string): void {
  assert.equal(record.route, told.route, about)
  const kind = kindOf(told)
  if (kind === 'unrouted' || kind === 'replied') {
    const reply = told.filters.find(({ outcome }) => outcome === 'replied')
    assert.deepEqual([status, record.code, record.upstream], [reply?.status ?? 404, told.refusal?.code ?? null, null], about)
    return
  }
  assert.equal(record.upstream, told.pick?.upstream, about)
  const destination = told.destinations.find(({ name }) => name === told.pick?.destination)
  assert.ok(destination, about)
  if (kind === 'refused') return assert.equal(record.code, destination.refusal?.code, about)
  assert.deepEqual([record.endpoint, record.attempts, record.code], [told.pick?.address, 1, null], about)
  const instance = destination.instances.find(({ address }) => address === record.endpoint)
  assert.ok(instance, about)
  assert.equal(instance.exclusion, null, about)
  assert.equal(destination.refusal, null, about)
  if (told.request.method === 'HEAD') return
  const seen = JSON.parse(body) as Seen
  assert.deepEqual([`127.0.0.1:${seen.port}`, seen.target], [record.endpoint, told.path + told.request.query], about)
}

function kindOf({ route, pick }: Explanation): 'unrouted' | 'replied' | 'refused' | 'forwarded' {
  if (route === null) return 'unrouted'
  if (pick === null) return 'replied'
  return pick.instance === null ? 'refused' : 'forwarded'
}

function compiled(text: string, deps: Parameters<typeof compileCandidate>[2]): Explained | null {
  try {
    return compileCandidate(text, 'random.yaml', deps)
  } catch (error) {
    if (error instanceof ConfigError) return null
    throw error
  }
}

function questionOf({ method, host, path, query, headers }: Visit) {
  const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  return { method, url: `http://${host}${path}${query}`, headers: fields, client: '127.0.0.1' }
}

function requestOf({ method, host, path, query, headers }: Visit) {
  return { method: method as 'GET', path: path + query, headers: { host, ...headers } }
}

async function startEcho(): Promise<TestInstance> {
  return startInstance('echo', (request, response) => {
    request.resume()
    const seen: Seen = {
      port: request.socket.localPort ?? 0,
      target: request.url ?? '',
      tenant: (request.headers['x-tenant'] as string | undefined) ?? null,
    }
    response.end(JSON.stringify(seen))
  })
}
