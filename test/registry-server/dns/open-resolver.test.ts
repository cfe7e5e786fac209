import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock, systemRandom } from '../../../src/clock.ts'
import { createLogger } from '../../../src/logging.ts'
import { dnsDefaults, type DnsOptions } from '../../../src/registry-server/dns/options.ts'
import { startDnsServer } from '../../../src/registry-server/dns/server.ts'
import { State } from '../../../src/registry-server/store/state.ts'

const recursors = [{ host: '192.0.2.53', port: 53 }]

/** The events above `info` that a start writes. */
async function warnings(options: Partial<DnsOptions> & Pick<DnsOptions, 'bind'>): Promise<readonly unknown[]> {
  const lines: string[] = []
  const logger = createLogger('warn', { write: (line) => void lines.push(line) })
  const parts = { state: new State(systemClock), node: 'n1', datacenter: 'dc1', clock: systemClock, random: systemRandom, logger }
  const server = await startDnsServer({ ...dnsDefaults, ...options }, parts)
  await server.close()
  return lines.map((line) => (JSON.parse(line) as { event: unknown }).event)
}

test('a resolver that other machines can reach is warned of when DNS starts, and nothing else is', async () => {
  assert.deepEqual(await warnings({ bind: { host: '0.0.0.0', port: 0 }, recursors }), ['dns.open_resolver'])
  assert.deepEqual(await warnings({ bind: { host: '0.0.0.0', port: 0 } }), [])
  assert.deepEqual(await warnings({ bind: { host: '127.0.0.1', port: 0 }, recursors }), [])
})
