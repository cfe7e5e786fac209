import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { until } from '../support/until.ts'
import { openRegistry, type TestRegistry } from './registry.ts'

/** Follows the log of a registry until the test ends; gives the lines so far. */
async function follow(context: TestContext, { url }: TestRegistry, query: string): Promise<() => string> {
  const over = new AbortController()
  context.after(() => over.abort())
  const response = await fetch(`${url}/v1/agent/monitor?${query}`, { signal: over.signal })
  assert.equal(response.status, 200)
  let lines = ''
  const reading = async (): Promise<void> => {
    for await (const chunk of response.body ?? []) lines += Buffer.from(chunk).toString()
  }
  void reading().catch(() => {})
  return () => lines
}

test('a monitor at level debug is told of each request, without what its query holds', async (context) => {
  const registry = await openRegistry(context)
  const lines = await follow(context, registry, 'loglevel=debug')
  await registry.put('/v1/kv/watched?token=secret', 'x')
  await until('the request is told', () => lines().includes('/v1/kv/watched'))
  assert.match(lines(), /^\d{4}-\d\d-\d\dT[\d:.]+Z \[DEBUG\] registry: PUT \/v1\/kv\/watched: 200 after \d+ ms$/m)
  assert.doesNotMatch(lines(), /secret/)
})

test('a monitor is told only what is as important as it asked for, and JSON when it asked for that', async (context) => {
  const registry = await openRegistry(context)
  const quiet = await follow(context, registry, '')
  const json = await follow(context, registry, 'loglevel=DEBUG&logjson')
  await registry.get('/v1/status/leader')
  await until('the request is told', () => json().includes('/v1/status/leader'))
  const told = JSON.parse(json().split('\n')[0] ?? '') as Record<string, string>
  assert.deepEqual(Object.keys(told), ['@level', '@message', '@module', '@timestamp'])
  assert.equal(told['@level'], 'debug')
  assert.equal(quiet(), '')
})

test('an unknown level is refused in the words of Consul', async (context) => {
  const { status, text } = await (await openRegistry(context)).get('/v1/agent/monitor?loglevel=loud')
  assert.deepEqual([status, text], [400, 'Bad request: Unknown log level: loud'])
})

test('a registry that closes ends its monitors', async (context) => {
  const registry = await openRegistry(context)
  await follow(context, registry, 'loglevel=debug')
  await registry.server.close()
})
