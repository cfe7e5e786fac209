import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { kvTexts } from '../controlplane/control-plane.ts'
import { startAdminUnderTest } from './subject.ts'

interface Family {
  readonly help: string
  readonly type: string
  readonly samples: { readonly labels: string; readonly value: number }[]
}

/** Reads Prometheus's text format, and fails on anything that is not that. */
function parsePage(page: string): ReadonlyMap<string, Family> {
  const families = new Map<string, Family>()
  let help: string | null = null
  let current: string | null = null
  for (const line of page.split('\n')) {
    if (line === '') continue
    const comment = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/.exec(line)
    if (comment) {
      const [, kind, name = '', text = ''] = comment
      if (kind === 'HELP') help = text
      else {
        assert.ok(!families.has(name), `${name} stands twice on the page`)
        families.set(name, { help: help ?? assert.fail(`${name} has no HELP`), type: text, samples: [] })
        current = name
      }
      continue
    }
    const sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\.)*",?)*\})? (\S+)(?: \d+)?$/.exec(line)
    assert.ok(sample, `not a sample: ${line}`)
    assert.ok(current !== null && sample[1]?.startsWith(current), `a sample without a family: ${line}`)
    const value = Number(sample[3]?.replace('+Inf', 'Infinity'))
    // What has not been measured yet is not a number.
    assert.ok(!Number.isNaN(value) || sample[3] === 'Nan', line)
    families.get(current)?.samples.push({ labels: sample[2] ?? '', value })
  }
  return families
}

function value(families: ReadonlyMap<string, Family>, name: string, labels = ''): number | undefined {
  return families.get(name)?.samples.find((sample) => sample.labels === labels)?.value
}

describe('/metrics', () => {
  let admin: Awaited<ReturnType<typeof startAdminUnderTest>>
  before(
    async () => void (admin = await startAdminUnderTest('upstreams: { a: { instances: ["127.0.0.1:1"] } }\nroutes: [/a -> a]')),
  )
  after(() => admin.close())

  const read = async (): Promise<ReadonlyMap<string, Family>> => parsePage(await (await fetch(`${admin.url}/metrics`)).text())

  it('is Prometheus text, also when scraped twice at once', async () => {
    for (const families of await Promise.all([read(), read()])) assert.ok(families.size > 10)
  })

  it('has exactly what the documentation names', async () => {
    const families = await read()
    const docs = readFileSync(new URL('../../docs/commands.md', import.meta.url), 'utf8')
    const named = new Set(docs.match(/meshgate_[a-z_]+/g))
    const found = [...families.keys()].filter((name) => name.startsWith('meshgate_'))
    assert.deepEqual([...named].toSorted(), found.toSorted())
  })

  it('counts the upstreams and their instances', async () => {
    const families = await read()
    assert.equal(value(families, 'meshgate_upstream_attempts_total', '{upstream="a"}'), 0)
    assert.equal(value(families, 'meshgate_upstream_instances', '{upstream="a",state="excluded"}'), 1)
    assert.equal(families.get('meshgate_upstream_attempts_total')?.type, 'counter')
  })

  it('tells readiness, the age of the registry and refused config', async () => {
    const before = await read()
    assert.deepEqual([value(before, 'meshgate_ready'), value(before, 'meshgate_config_refused')], [1, 0])
    assert.ok((value(before, 'meshgate_registry_age_seconds') ?? -1) >= 0)
    admin.plane.reconciler.setEntries(kvTexts({ 'routes/bad': 'nonsense', 'routes/good': '/g -> a' }))
    const after = await read()
    assert.deepEqual([value(after, 'meshgate_config_refused'), value(after, 'meshgate_config_generation')], [1, 2])
  })

  it('forgets an upstream that has left', async () => {
    admin.plane.reconciler.setEntries(kvTexts({ 'routes/other': '/o -> other' }))
    assert.equal(value(await read(), 'meshgate_upstream_attempts_total', '{upstream="other"}'), 0)
    admin.plane.reconciler.setEntries([])
    assert.equal(value(await read(), 'meshgate_upstream_attempts_total', '{upstream="other"}'), undefined)
  })
})
