import assert from 'node:assert/strict'
import { it } from 'node:test'
import { Agent, request } from 'undici'
import { startEmbedded } from '../controlplane/embedded.ts'
import { startReplica, type Replica } from '../support/replica.ts'

// The whole of it by simulation: test/controlplane/quotas. This is the same with processes and real time, in `npm run soak`.
const skip = process.env['MESHGATE_SOAK'] ? false : 'takes a minute: npm run soak'
const RATE = 1000
const TICK_MS = 20

const config = `
log: { level: warn, access: false }
routes:
  - name: shop
    match: { path: /* }
    filters: [{ rateLimit: { rate: ${RATE}/s, by: route, scope: cluster } }, { respond: { status: 200 } }]
    to: [{ upstream: nobody }]
upstreams: { nobody: { instances: ["127.0.0.1:1"] } }
`

/** Sends requests in steady steps, and counts which were let through. */
class Callers {
  admitted = 0
  readonly #agent = new Agent({ connections: 20 })
  #rates: readonly { readonly url: string; readonly perSecond: number }[] = []
  #owed: number[] = []
  #lastSince = performance.now()
  readonly #timer = setInterval(() => this.#tick(), TICK_MS)

  set(rates: readonly { readonly url: string; readonly perSecond: number }[]): void {
    this.#rates = rates
    this.#owed = rates.map(() => 0)
  }

  /** How many requests per second were let through within a time. */
  async measure(forMs: number): Promise<number> {
    const [before, since] = [this.admitted, performance.now()]
    await pause(forMs)
    return ((this.admitted - before) * 1000) / (performance.now() - since)
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#agent.destroy()
  }

  #tick(): void {
    const now = performance.now()
    const seconds = Math.min(now - this.#lastSince, 200) / 1000
    this.#lastSince = now
    for (const [at, { url, perSecond }] of this.#rates.entries()) {
      const owed = (this.#owed[at] ?? 0) + perSecond * seconds
      this.#owed[at] = owed % 1
      for (let call = 0; call < Math.floor(owed); call++) void this.#call(url)
    }
  }

  async #call(url: string): Promise<void> {
    try {
      const { statusCode, body } = await request(url, { dispatcher: this.#agent })
      await body.dump()
      if (statusCode === 200) this.admitted++
    } catch {
      // Of the replica that has been killed.
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

it('five gateways keep one limit: skewed load, the one with the most of it killed, and the registry gone', { skip }, async () => {
  const registry = await startEmbedded()
  const replicas: Replica[] = []
  const callers = new Callers()
  try {
    const line = `{ consul: { address: "${registry.address}", state: off } }`
    for (let at = 0; at < 5; at++) replicas.push(await startReplica({ registry: line, config }))
    const loadOf = (shares: readonly number[], of: readonly Replica[]): void =>
      callers.set(of.map(({ gateway: { web } }, at) => ({ url: web, perSecond: 2 * RATE * (shares[at] ?? 0) })))
    loadOf([0.7, 0.2, 0.05, 0.05, 0], replicas)
    await pause(6_000)
    const skewed = await callers.measure(10_000)
    const [first, ...rest] = replicas
    await first?.kill()
    loadOf([0.5, 0.3, 0.15, 0.05], rest)
    await pause(3_000)
    const killed = await callers.measure(10_000)
    await registry.close()
    const going = await callers.measure(4_000)
    const alone = await callers.measure(5_000)
    console.log(
      `of ${RATE}/s: skewed ${skewed.toFixed(1)}, killed ${killed.toFixed(1)}, going ${going.toFixed(1)}, alone ${alone.toFixed(1)}`,
    )
    for (const rate of [skewed, killed]) assert.ok(Math.abs(rate / RATE - 1) <= 0.05, `${rate} per second`)
    // Equal parts of 250: all of them at three, and the 100 that come at the fourth.
    assert.ok(going <= RATE * 1.05 && Math.abs(alone / 850 - 1) <= 0.05, `${going}, then ${alone} per second`)
  } finally {
    await callers.close()
    for (const replica of replicas) await replica.stop()
    await registry.close()
  }
})
