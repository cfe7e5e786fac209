import assert from 'node:assert/strict'
import { Resolver } from 'node:dns/promises'
import { after, before, describe, it } from 'node:test'
import { skipWithoutConsul } from '../../support/consul.ts'
import { put } from '../../support/registries.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { ask } from './dns-client.ts'
import { openConsulDns, openDns, register, type DnsRegistry } from './dns-registry.ts'

async function registerMany(url: string, count: number, service = 'many'): Promise<void> {
  for (let at = 1; at <= count; at++) {
    const instance = { ID: `${service}${at}`, Service: service, Address: `198.51.100.${at}`, Port: 1000 + at }
    await register(url, { Node: `host-${at}`, Address: `192.0.2.${at}`, Service: instance })
  }
}

async function registerHealth(url: string): Promise<void> {
  const statuses = ['passing', 'warning', 'critical']
  for (const [at, Status] of statuses.entries()) {
    const Service = { ID: Status, Service: 'web', Address: `198.51.100.${at + 1}`, Port: 80 }
    await register(url, {
      Node: 'h',
      Address: '192.0.2.1',
      Service,
      Check: { CheckID: Status, Name: Status, Status, ServiceID: Status },
    })
  }
}

async function isCut({ port }: DnsRegistry, service: string, udpBytes: number | null): Promise<boolean> {
  return (await ask(port, { name: `${service}.service.consul`, type: 'A', udpBytes })).flags.includes('tc')
}

const targets = [
  {
    name: 'the embedded registry',
    skip: false as const,
    open: () =>
      openDns({
        nodeTtlMs: 5_900,
        serviceTtlMs: { '*': 7_000, 'we*': 8_000, 'web-*': 9_000, web: 10_000 },
        onlyPassing: true,
        enableTruncate: true,
        udpAnswerLimit: 5,
      }),
  },
  {
    name: 'the real Consul',
    skip: skipWithoutConsul(),
    open: () =>
      openConsulDns({
        dns_config: {
          node_ttl: '5.9s',
          service_ttl: { '*': '7s', 'we*': '8s', 'web-*': '9s', web: '10s' },
          only_passing: true,
          enable_truncate: true,
          udp_answer_limit: 5,
        },
      }),
  },
]

for (const { name, skip, open } of targets) {
  describe(`options of DNS, ${name}`, { skip }, () => {
    let registry: DnsRegistry
    before(async () => {
      registry = await open()
      await registerHealth(registry.url)
      await registerMany(registry.url, 40)
      for (const service of ['web-a', 'west']) await registerMany(registry.url, 1, service)
    })
    after(() => registry?.close())

    it('onlyPassing leaves out instances that warn', async () => {
      const { answers } = await ask(registry.port, { name: 'web.service.consul', type: 'A' })
      assert.deepEqual(answers, ['web.service.consul. 10 A 198.51.100.1'])
    })

    it('the TTL of a service is that of its name, else of the longest prefix', async () => {
      for (const [service, seconds] of [
        ['web', 10],
        ['web-a', 9],
        ['west', 8],
        ['many', 7],
      ]) {
        const { answers } = await ask(registry.port, { name: `${service}.service.consul`, type: 'A' })
        assert.equal(answers[0]?.split(' ')[1], String(seconds), String(service))
      }
    })

    it('the TTL of a node holds for its address and the name servers, in whole seconds', async () => {
      const node = await ask(registry.port, { name: 'host-2.node.consul', type: 'A' })
      assert.deepEqual(node.answers, ['host-2.node.consul. 5 A 192.0.2.2'])
      const hex = await ask(registry.port, { name: 'c0000263.addr.consul', type: 'A' })
      assert.deepEqual(hex.answers, ['c0000263.addr.consul. 5 A 192.0.2.99'])
      const servers = await ask(registry.port, { name: 'consul', type: 'NS' })
      assert.deepEqual(servers.answers, ['consul. 5 NS n1.node.dc1.consul.'])
    })

    it('enableTruncate marks answers that are not whole, and only those', async () => {
      const cuts = await Promise.all([null, 512, 600, 4096].map((udpBytes) => isCut(registry, 'many', udpBytes)))
      assert.deepEqual(cuts, [true, true, true, false])
      assert.equal(await isCut(registry, 'web', null), false)
    })

    it('udpAnswerLimit is how many a client without EDNS0 gets', async () => {
      const { answers } = await ask(registry.port, { name: 'many.service.consul', type: 'A', udpBytes: null })
      assert.equal(answers.length, 5)
    })

    it("Node's own resolver falls back to TCP and gets all of them", async () => {
      const resolver = new Resolver()
      resolver.setServers([`127.0.0.1:${registry.port}`])
      const addresses = await resolver.resolve4('many.service.consul')
      assert.equal(new Set(addresses).size, 40)
    })
  })
}

describe('DNS of the embedded registry', () => {
  let registry: DnsRegistry
  const seed = 20_261_123
  before(async () => {
    registry = await openDns({ domain: 'Mesh.Internal', random: seededRandom(seed) })
    await registerMany(registry.url, 10)
  })
  after(() => registry?.close())

  it('puts each instance first about as often as any other', async () => {
    const first = new Map<string, number>()
    const asked = 2_000
    for (let at = 0; at < asked; at++) {
      const { answers } = await ask(registry.port, { name: 'many.service.mesh.internal', type: 'A', udpBytes: null })
      assert.equal(new Set(answers).size, 3)
      first.set(answers[0] ?? '', (first.get(answers[0] ?? '') ?? 0) + 1)
    }
    const counts = [...first.values()]
    assert.equal(counts.length, 10)
    // 200 each; 5 standard deviations are 67.
    assert.ok(
      counts.every((count) => Math.abs(count - asked / 10) < 67),
      `seed ${seed}: ${counts.join(' ')}`,
    )
  })

  it('answers for the domain of its config, in any case, and refuses consul', async () => {
    const soa = await ask(registry.port, { name: 'MESH.internal', type: 'SOA' })
    assert.match(soa.answers[0] ?? '', /^mesh\.internal\. 0 SOA ns\.mesh\.internal\. hostmaster\.mesh\.internal\. /)
    assert.equal((await ask(registry.port, { name: 'many.service.consul', type: 'A' })).rcode, 'REFUSED')
  })

  it('tells of a change with the next answer', async () => {
    const name = 'late.service.mesh.internal'
    assert.equal((await ask(registry.port, { name, type: 'A' })).rcode, 'NXDOMAIN')
    const checked = { ID: 'late', Name: 'late', Port: 1, Check: { CheckID: 'late', TTL: '1h', Status: 'passing' } }
    await put(registry.url, '/v1/agent/service/register', JSON.stringify(checked))
    assert.equal((await ask(registry.port, { name, type: 'A' })).rcode, 'NOERROR')
    await put(registry.url, '/v1/agent/check/fail/late')
    assert.equal((await ask(registry.port, { name, type: 'A' })).rcode, 'NXDOMAIN')
    await put(registry.url, '/v1/agent/check/pass/late')
    await put(registry.url, '/v1/agent/maintenance?enable=true')
    assert.equal((await ask(registry.port, { name, type: 'A' })).rcode, 'NXDOMAIN')
    await put(registry.url, '/v1/agent/maintenance?enable=false')
    assert.equal((await ask(registry.port, { name, type: 'A' })).rcode, 'NOERROR')
  })

  it("gives Node's own resolver what it asks for", async () => {
    const resolver = new Resolver()
    resolver.setServers([`127.0.0.1:${registry.port}`])
    const places = await resolver.resolveSrv('_many._tcp.service.mesh.internal')
    // It asks without EDNS0, and so gets a random three of the ten.
    assert.equal(new Set(places.map(({ port }) => port)).size, 3)
    assert.deepEqual(await resolver.resolve4(places[0]?.name ?? ''), [`198.51.100.${(places[0]?.port ?? 0) - 1000}`])
    assert.deepEqual(await resolver.reverse('192.0.2.3'), ['host-3.node.dc1.mesh.internal'])
    await assert.rejects(resolver.resolve4('nobody.service.mesh.internal'), { code: 'ENOTFOUND' })
    await assert.rejects(resolver.resolve6('many.service.mesh.internal'), { code: 'ENODATA' })
    await assert.rejects(resolver.resolve4('example.com'), { code: 'EREFUSED' })
  })
})
