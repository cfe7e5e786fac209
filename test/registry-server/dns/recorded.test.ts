import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { put } from '../../support/registries.ts'
import { until } from '../../support/until.ts'
import { ask, type Ask, type Told } from './dns-client.ts'
import { dnsTargets, register, type DnsRegistry } from './dns-registry.ts'

interface Row {
  readonly id: string
  readonly ask: Ask
  readonly told: Partial<Told> & { readonly answerCount?: number; readonly additionalCount?: number }
}

// All 54 DNS answers of the recording; the serial of SOA records, which is the time, is masked.
const rows = JSON.parse(readFileSync(new URL('./recorded-answers.json', import.meta.url), 'utf8')) as Row[]

/** What was registered when they were recorded. */
async function registerAll({ url, port }: DnsRegistry): Promise<void> {
  await put(
    url,
    '/v1/agent/service/register',
    JSON.stringify({ ID: 'web-1', Name: 'web', Address: '127.0.0.2', Port: 8080, Weights: { Passing: 10, Warning: 1 } }),
  )
  await put(
    url,
    '/v1/agent/service/register',
    JSON.stringify({ ID: 'c', Name: 'c', Port: 1, Check: { TTL: '1h', Status: 'critical' } }),
  )
  const passing = { CheckID: 'service:pg-1', Name: 'pg check', Status: 'passing', ServiceID: 'pg-1' }
  const pg1 = { ID: 'pg-1', Service: 'pg', Tags: ['Primary', 'v9'], Port: 5432 }
  await register(url, {
    Node: 'ext1',
    Address: '192.0.2.10',
    NodeMeta: { 'external-node': 'true', zone: 'a' },
    Service: pg1,
    Check: passing,
  })
  const pg2 = { ID: 'pg-2', Service: 'pg', Tags: ['replica', 'v9'], Address: '192.0.2.99', Port: 5433 }
  const critical = { Name: 'pg check', Status: 'critical', ServiceID: 'pg-2' }
  await register(url, { Node: 'ext2', Address: '192.0.2.11', NodeMeta: { zone: 'b' }, Service: pg2, Checks: [critical] })
  await register(url, { Node: 'ext3', Address: 'db.example.com', Service: { ID: 'cn', Service: 'cname', Port: 1 } })
  await register(url, { Node: 'ext6', Address: '2001:db8::6', Service: { ID: 'v6', Service: 'v6', Port: 6 } })
  const warny = { ID: 'w', Service: 'warny', Port: 4, Weights: { Passing: 7, Warning: 3 } }
  await register(url, {
    Node: 'ext4',
    Address: '192.0.2.14',
    Service: warny,
    Check: { Name: 'w', Status: 'warning', ServiceID: 'w' },
  })
  for (let at = 1; at <= 40; at++) {
    const service = { ID: `many${at}`, Service: 'many', Address: `198.51.100.${at}`, Port: 1000 + at }
    await register(url, { Node: `m${at}`, Address: `192.0.2.${100 + at}`, Service: service })
  }
  const query = { Name: 'pgq', Service: { Service: 'pg' }, DNS: { TTL: '7s' } }
  await (await fetch(`${url}/v1/query`, { method: 'POST', body: JSON.stringify(query) })).text()
  await until(
    'the services of the agent are listed',
    async () => (await ask(port, { name: 'web.service.consul', type: 'A' })).rcode === 'NOERROR',
  )
}

/** Of a service with forty instances an answer has a few: which ones, is chance. Their number and kind are not. */
function shapes(records: readonly string[]): readonly string[] {
  return records
    .map((record) =>
      record.startsWith('many.') || /^c63364..\./.test(record)
        ? record.replace(/(?:10\d\d )?(?:198\.51\.100\.\d+|c63364..)/g, '<one>')
        : record,
    )
    .toSorted()
}

describe('recorded DNS answers of Consul', { concurrency: true }, () => {
  for (const { name, skip, open } of dnsTargets) {
    describe(name, { skip, concurrency: false }, () => {
      let registry: DnsRegistry
      before(async () => {
        registry = await open()
        await registerAll(registry)
      })
      after(() => registry?.close())

      for (const { id, ask: question, told: expected } of rows) {
        it(`answers ${id} as recorded`, async () => {
          const told = await ask(registry.port, question)
          assert.equal(told.rcode, expected.rcode)
          if (!expected.answers) return
          assert.deepEqual(told.flags, expected.flags)
          assert.equal(told.question, question.name)
          assert.equal(told.udpBytes, expected.udpBytes)
          assert.equal(told.bytes, expected.bytes)
          assert.equal(told.answers.length, expected.answerCount ?? expected.answers.length)
          assert.equal(told.additionals.length, expected.additionalCount ?? expected.additionals?.length)
          assert.equal(new Set(told.answers).size, told.answers.length, 'no record twice')
          assert.deepEqual(shapes(told.answers).slice(0, 12), repeated(expected.answers, expected.answerCount).slice(0, 12))
          assert.deepEqual(shapes(told.authorities), shapes(expected.authorities ?? []))
          assert.deepEqual(
            shapes(told.additionals).slice(0, 12),
            repeated(expected.additionals ?? [], expected.additionalCount).slice(0, 12),
          )
        })
      }
    })
  }

  it('are all there', () => assert.equal(rows.length, 54))
})

/** Of long answers three records were kept, all of one shape. */
function repeated(records: readonly string[], count = records.length): readonly string[] {
  return shapes(records.length === count ? records : Array.from({ length: count }, () => records[0] ?? ''))
}
