import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parse } from 'yaml'
import { z } from 'zod'
import { generatedFiles, isStale, locate } from '../../scripts/generated-files.ts'
import { assemble } from '../../src/config/assemble.ts'
import { parseFile } from '../../src/config/file.ts'
import { configJsonSchema, type JsonSchema } from '../../src/config/json-schema.ts'
import { loadNamedModules } from '../../src/config/named-modules.ts'
import { builtIn } from '../../src/config/built-in.ts'
import { parseDurationMs } from '../../src/durations.ts'

for (const file of generatedFiles()) {
  test(`${file.path} is up to date (else: npm run generate)`, () => assert.equal(isStale(file), false))
}

for (const name of ['gateway.yaml', 'gateway.minimal.yaml', 'gateway.replica.yaml', 'gateway.example.yaml']) {
  test(`config/${name} is valid and has no warnings`, async () => {
    const text = readFileSync(locate(`config/${name}`), 'utf8')
    await loadNamedModules(text, name, { env: {} })
    const { fileProblems, warnings } = assemble(parseFile(text, name, { env: {} }), [])
    assert.deepEqual([...fileProblems, ...warnings], [])
  })

  test(`config/${name} is what the JSON Schema says`, () => {
    const schema = z.fromJSONSchema(configJsonSchema() as Parameters<typeof z.fromJSONSchema>[0])
    const value: unknown = parse(readFileSync(locate(`config/${name}`), 'utf8'))
    assert.deepEqual(schema.safeParse(value).error?.issues ?? [], [])
  })
}

test('the JSON Schema refuses an unknown key', () => {
  const schema = z.fromJSONSchema(configJsonSchema() as Parameters<typeof z.fromJSONSchema>[0])
  assert.equal(schema.safeParse({ listeners: { web: { bind: ':1', bnd: ':1' } } }).success, false)
})

/** Every setting of the schema with its path. */
function settingsOf(schema: JsonSchema, path: string): readonly (readonly [string, JsonSchema])[] {
  const { properties = {}, items, anyOf = [], additionalProperties } = schema
  const inside = [
    ...(items ? [items] : []),
    ...anyOf,
    ...(typeof additionalProperties === 'object' ? [additionalProperties] : []),
  ]
  const own = Object.entries(properties).flatMap(([key, value]) => [
    [`${path}.${key}`, value] as const,
    ...settingsOf(value, `${path}.${key}`),
  ])
  return [...own, ...inside.flatMap((other) => settingsOf(other, path))]
}

test('every setting says what it means', () => {
  const silent = settingsOf(configJsonSchema(), '').filter(([, { description }]) => !description)
  assert.deepEqual(
    silent.map(([path]) => path),
    [],
  )
})

test('gateway.example.yaml shows every setting', () => {
  const example: unknown = parse(readFileSync(locate('config/gateway.example.yaml'), 'utf8'))
  const shown = new Set<string>()
  const collect = (value: unknown, path: string): void => {
    if (Array.isArray(value)) return value.forEach((item) => collect(item, path))
    if (typeof value !== 'object' || value === null) return
    for (const [key, item] of Object.entries(value)) {
      shown.add(`${path}.${key}`)
      collect(item, `${path}.${key}`)
      // Below a name of the user's choice, the schema's path goes on without it.
      collect(item, path)
    }
  }
  collect(example, '')
  // One of two, the settings below a filter, of which its test has examples, and the filter of one's own, which needs its file.
  const elsewhere =
    /^\.registry\.consul|^\.routes\.filters\.module$|^\.(defaults|upstreams)\.|^\.routes\.filters\.[^.]+\.|^\.services\.check\.tcp$/
  const missing = settingsOf(configJsonSchema(), '').filter(([path]) => !shown.has(path) && !elsewhere.test(path))
  assert.deepEqual(
    missing.map(([path]) => path),
    [],
  )
})

test('the defaults that the pages print are the ones that hold', () => {
  const printed = new Map(settingsOf(configJsonSchema(), '').map(([path, schema]) => [path, schema.default]))
  const durationAt = (path: string): number | null => parseDurationMs(String(printed.get(path)))
  assert.equal(durationAt('.upstreams.timeouts.response'), builtIn.upstream.timeouts.responseMs)
  assert.equal(durationAt('.upstreams.health.every'), builtIn.health.everyMs)
  assert.equal(durationAt('.listeners.limits.keepAlive'), builtIn.limits.keepAliveMs)
  assert.equal(durationAt('.shutdown.drain'), builtIn.shutdown.drainMs)
  assert.equal(printed.get('.upstreams.health.jitter'), `${builtIn.health.jitterRatio * 100}%`)
  assert.equal(printed.get('.listeners.limits.head'), `${builtIn.limits.headBytes / 1024}KiB`)
  assert.equal(printed.get('.upstreams.balance'), builtIn.upstream.balance.kind)
})
