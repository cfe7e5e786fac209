import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { watchKvConfig, type KvSource, type KvText } from '../../src/controlplane/sources/kv-source.ts'
import { put } from '../support/registries.ts'
import { until } from '../support/until.ts'
import { startEmbedded, type TestRegistry } from './embedded.ts'

describe('the config in KV', () => {
  let embedded: TestRegistry
  let source: KvSource | null = null
  before(async () => void (embedded = await startEmbedded()))
  afterEach(() => source?.close())
  after(() => embedded.close())

  const follow = (prefix: string) => {
    const told: (readonly KvText[])[] = []
    const errors: string[] = []
    const opened = watchKvConfig(embedded.registry, prefix, {
      onEntries: (entries) => void told.push(entries),
      onError: ({ code }) => void errors.push(code),
    })
    source = opened
    const keys = (): readonly string[] | undefined => told.at(-1)?.map(({ folder, name, text }) => `${folder}/${name}=${text}`)
    const shows = (expected: readonly string[]): Promise<unknown> =>
      until(`it shows ${expected.join()}`, () => assert.deepEqual(keys(), expected) === undefined, 3_000)
    return { told, errors, shows, source: opened }
  }
  const write = (key: string, text: string): Promise<unknown> => put(embedded.address, `/v1/kv/${key}`, text)
  const remove = (key: string): Promise<unknown> => fetch(`${embedded.address}/v1/kv/${key}`, { method: 'DELETE' })

  it('is told whole, once every folder has been read, also if there is nothing', async () => {
    const { told, source: followed } = follow('empty')
    assert.equal(followed.freshSince, null)
    await until('it has been told', () => told.length > 0)
    assert.deepEqual(told, [[]])
    assert.notEqual(followed.freshSince, null)
  })

  it('comes from its folders, the longest unchanged first', async () => {
    await write('g1/tasks/t', 'a task')
    await write('g1/routes/b', 'second')
    await write('g1/upstreams/u', 'an upstream')
    await write('g1/routes/a', 'last')
    const { told, shows } = follow('g1')
    await shows(['tasks/t=a task', 'routes/b=second', 'upstreams/u=an upstream', 'routes/a=last'])
    assert.equal(told.length, 1)
    assert.equal(told[0]?.[1]?.key, 'g1/routes/b')
    await write('g1/routes/b', 'changed')
    await shows(['tasks/t=a task', 'upstreams/u=an upstream', 'routes/a=last', 'routes/b=changed'])
  })

  it('loses what is deleted', async () => {
    await write('g2/routes/a', 'x')
    const { shows } = follow('g2')
    await shows(['routes/a=x'])
    await remove('g2/routes/a')
    await shows([])
  })

  it('is not the lock, the run records, a folder of another name, or the empty entry that stands for a folder', async () => {
    const { told, shows } = follow('g3')
    await until('it has been told', () => told.length === 1)
    for (const key of ['g3/leader', 'g3/runs/t/1', 'g3/routesX/a', 'g3/critical/p', 'g33/routes/a']) await write(key, 'x')
    await write('g3/routes/', '')
    await write('g3/routes/a', 'x')
    await shows(['routes/a=x'])
    const others = told.flat().filter(({ key }) => key !== 'g3/routes/a')
    assert.deepEqual(others, [])
  })

  it('keeps the name below the folder as it is', async () => {
    await write('g4/routes/team/shop', 'x')
    const { shows } = follow('g4')
    await shows(['routes/team/shop=x'])
  })

  it('stays as it was when the registry goes away', async () => {
    const away = await startEmbedded()
    const told: (readonly KvText[])[] = []
    const errors: string[] = []
    source = watchKvConfig(away.registry, 'g', {
      onEntries: (entries) => void told.push(entries),
      onError: ({ code }) => void errors.push(code),
    })
    await put(away.address, '/v1/kv/g/routes/a', 'x')
    await until('it has been told', () => told.at(-1)?.length === 1)
    const count = told.length
    await away.server.close()
    await until('the failure is told', () => errors.length > 0)
    assert.equal(told.length, count)
    await away.registry.close()
  })
})
