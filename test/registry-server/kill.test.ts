import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Agent } from 'undici'
import { seededRandom } from '../support/seeded-random.ts'
import { until } from '../support/until.ts'
import { makeFolder } from './registry.ts'
import { spawnRegistry } from './spawned.ts'

const rounds = process.env['MESHGATE_SOAK'] === '1' ? 100 : 5
const writers = 64
const keysPerWriter = 8

/** What one key may be after a kill: what was acknowledged last, or what was sent after it and not answered. null: absent. */
interface Expected {
  acknowledged: string | null
  sent: string | null
}

test(`every write that was acknowledged survives ${rounds} SIGKILLs under ${writers} writers`, async (context) => {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 32))
  context.diagnostic(`seed ${seed}`)
  const random = seededRandom(seed)
  const registry = await spawnRegistry(context, makeFolder(context))
  const connections = new Agent({ connections: writers, pipelining: 1 })
  context.after(() => connections.destroy())
  const keys = new Map<string, Expected>()
  let [written, lastIndex] = [0, 0]

  const send = async (method: 'GET' | 'PUT' | 'DELETE', path: string, body?: string) => {
    const answer = await connections.request({ origin: registry.url, path, method, ...(body === undefined ? {} : { body }) })
    return { status: answer.statusCode, text: await answer.body.text(), index: Number(answer.headers['x-consul-index']) }
  }
  const writeOnce = async (key: string, expected: Expected): Promise<void> => {
    const isDelete = random() < 0.2
    expected.sent = isDelete ? null : `${written} ${'x'.repeat(random() * 300)}`
    const { status, text } = await send(isDelete ? 'DELETE' : 'PUT', `/v1/kv/${key}`, expected.sent ?? undefined)
    assert.deepEqual([status, text], [200, 'true'])
    expected.acknowledged = expected.sent
    written++
  }
  const write = async (writer: number, isOver: AbortSignal): Promise<void> => {
    while (!isOver.aborted) {
      const key = `w${writer}/${Math.floor(random() * keysPerWriter)}`
      const expected = keys.get(key) ?? { acknowledged: null, sent: null }
      keys.set(key, expected)
      try {
        await writeOnce(key, expected)
      } catch (error) {
        // The registry was killed: this write may be there or not.
        if (!isOver.aborted) throw error
      }
    }
  }

  for (let round = 1; round <= rounds; round++) {
    const over = new AbortController()
    const writing = Array.from({ length: writers }, (_, writer) => write(writer, over.signal))
    const enough = written + Math.floor(random() * 4 * writers)
    await until('some writes are acknowledged', () => written > enough, 60_000)
    await new Promise((resolve) => setTimeout(resolve, random() * 20))
    over.abort()
    await registry.kill()
    await Promise.all(writing)
    await registry.start()
    const { text, index } = await send('GET', '/v1/kv/?recurse')
    const rows = text === '' ? [] : (JSON.parse(text) as { Key: string; Value: string | null }[])
    const found = new Map(rows.map(({ Key, Value }) => [Key, Buffer.from(Value ?? '', 'base64').toString()]))
    for (const [key, expected] of keys) {
      const value = found.get(key) ?? null
      assert.ok(
        value === expected.acknowledged || value === expected.sent,
        `round ${round}: ${key} is ${value}, not ${JSON.stringify(expected)}`,
      )
      expected.acknowledged = value
    }
    assert.ok(index >= lastIndex, `round ${round}: the index fell from ${lastIndex} to ${index}`)
    lastIndex = index
  }
  context.diagnostic(`${written} writes acknowledged`)
})
