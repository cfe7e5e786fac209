import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { before, describe, it } from 'node:test'
import { builtIn } from '../../src/config/built-in.ts'
import { callTask } from '../../src/controlplane/tasks/call.ts'
import { pruneTask } from '../../src/controlplane/tasks/prune.ts'
import { taskKinds } from '../../src/controlplane/tasks/table.ts'
import type { TaskContext } from '../../src/controlplane/tasks/task-kind.ts'
import { GatewayError } from '../../src/errors.ts'
import type { Instance, Registry } from '../../src/registry/registry.ts'
import { loadUserModule } from '../../src/user-modules.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { memoryRegistry } from './memory-registry.ts'
import { taskContext } from './tasks-harness.ts'

const exampleTask = fileURLToPath(new URL('../../examples/tasks/purge.ts', import.meta.url))

/** What each kind takes and refuses; a new kind adds its line here. */
const samples: Readonly<Record<string, { readonly good: unknown; readonly bad: readonly unknown[] }>> = {
  call: {
    good: 'POST http://reports/run?full=1',
    bad: [
      '',
      'http://reports/run',
      'POST https://reports/',
      'POST http://reports:80/',
      'POST http://u@reports/',
      'FETCH http://reports/',
      7,
    ],
  },
  backup: { good: { keep: 3 }, bad: [{ keep: 0 }, { keep: '3' }, { folder: '/etc' }, 'daily'] },
  exec: {
    good: { command: ['/bin/true', '-x'], env: { A: 'b' } },
    bad: [{}, { command: [] }, { command: ['true'] }, { command: '/bin/true' }, { command: ['/bin/true'], env: { 'A=B': '1' } }],
  },
  module: {
    good: { file: exampleTask, options: { service: 'images', olderThan: '30d' } },
    bad: [{}, { file: './nowhere.ts' }, { file: 'task' }, { file: exampleTask, options: {} }],
  },
  prune: {
    good: { after: '1h' },
    bad: [{}, { after: 60 }, { after: '60' }, { after: '0s' }, { after: '1h', also: 1 }, 'after 1h'],
  },
}

function context(registry: Registry, clock = new ManualClock()): TaskContext {
  return taskContext(registry, { clock, fireTime: new Date(clock.now()), task: 'sweep' })
}

describe('every kind of task', () => {
  before(() => loadUserModule(exampleTask))

  it('has samples here', () => assert.deepEqual(Object.keys(samples).toSorted(), Object.keys(taskKinds).toSorted()))

  for (const [name, kind] of Object.entries(taskKinds)) {
    const { good, bad = [] } = samples[name] ?? {}
    it(`"${name}" takes its options`, () => assert.equal(kind.options.safeParse(good).success, true))

    for (const options of bad) {
      it(`"${name}" refuses ${JSON.stringify(options)} with a sentence`, () => {
        const { success, error } = kind.options.safeParse(options)
        assert.equal(success, false)
        assert.ok((error?.issues[0]?.message.length ?? 0) > 10)
      })
    }

    it(
      `"${name}" passes a failure of what it depends on to its run`,
      { skip: name === 'exec' && 'it depends on nothing' },
      async () => {
        const down = new GatewayError('registry_unavailable', 'down')
        const refuse = (): Promise<never> => Promise.reject(down)
        const registry = memoryRegistry({ criticalInstances: refuse, snapshot: refuse })
        const machine = {
          ...builtIn.machine,
          exec: ['/bin/true'],
          execEnv: ['A'],
          backups: await mkdtemp(join(tmpdir(), 'meshgate-kinds-')),
        }
        const failing = { ...context(registry), machine, call: refuse }
        await assert.rejects(kind.run(kind.options.parse(good), failing), { code: 'registry_unavailable' })
        await rm(machine.backups, { recursive: true })
      },
    )

    it(`"${name}" tells what it would do, and does nothing`, async () => {
      const machine = { ...builtIn.machine, exec: ['/bin/true'], execEnv: ['A'], backups: '/nowhere' }
      const planned = { ...context(memoryRegistry({ criticalInstances: async () => [] })), machine }
      assert.match(await kind.plan(kind.options.parse(good), planned), /^(sends|deregisters|writes|runs|has) /)
    })
  }
})

describe('the kind "call"', () => {
  it('calls the path with its query, and / without one', async () => {
    assert.deepEqual(callTask.options.parse('GET http://a.b/x?y=1'), { method: 'GET', service: 'a.b', path: '/x?y=1' })
    assert.deepEqual(callTask.options.parse('GET http://a'), { method: 'GET', service: 'a', path: '/' })
  })

  it('takes no path that would end the request line', () => {
    for (const path of ['/\u010d\u010aX:\u01201', '/\u0000', '/ü', '/\\a', '/%zz', '/%00'])
      assert.equal(callTask.options.safeParse(`GET http://a${path}`).success, false, JSON.stringify(path))
  })

  for (const status of [199, 301, 404, 500]) {
    it(`fails on an answer of ${status}`, async () => {
      const answering = { ...context(memoryRegistry()), call: () => Promise.resolve({ status }) }
      const request = { method: 'GET', service: 'a', path: '/' }
      await assert.rejects(callTask.run(request, answering), {
        code: 'task_failed',
        message: `GET http://a/ answered ${status}, expected 2xx`,
      })
    })
  }
})

describe('the kind "prune"', () => {
  const sick: Instance = {
    id: 'shop-1',
    service: 'shop',
    node: 'n1',
    nodeMeta: {},
    address: { host: '127.0.0.1', port: 1 },
    tags: [],
    meta: {},
    weight: 1,
    status: 'critical',
  }

  const setUp = (): { registry: Registry; clock: ManualClock; critical: Instance[]; removed: string[] } => {
    const critical = [sick]
    const removed: string[] = []
    const registry = memoryRegistry({
      criticalInstances: async () => critical,
      removeInstance: async ({ id, node }) => void removed.push(`${node}/${id}`),
    })
    return { registry, clock: new ManualClock(), critical, removed }
  }

  it('takes an instance out once it has been critical for longer than "after", also under a new leader', async () => {
    const { registry, clock, removed } = setUp()
    assert.equal(
      await pruneTask.run({ afterMs: 3_600_000 }, context(registry, clock)),
      'deregistered nothing; 1 critical for less than 1h',
    )
    await clock.advance(3_599_000)
    await pruneTask.run({ afterMs: 3_600_000 }, context(registry, clock))
    assert.deepEqual(removed, [])
    await clock.advance(1_000)
    const said = await pruneTask.run({ afterMs: 3_600_000 }, context(registry, clock))
    assert.equal(said, 'deregistered shop/shop-1; 0 critical for less than 1h')
    assert.deepEqual(removed, ['n1/shop-1'])
  })

  it('takes the others out where the registry refuses one, and fails', async () => {
    const { registry, clock, critical, removed } = setUp()
    critical.unshift({ ...sick, id: 'guarded' })
    const guarded: Registry = {
      ...registry,
      removeInstance: async (instance) => {
        if (instance.id === 'guarded') throw new GatewayError('registry_refused', 'Permission denied')
        await registry.removeInstance(instance)
      },
    }
    await pruneTask.run({ afterMs: 60_000 }, context(guarded, clock))
    await clock.advance(60_000)
    await assert.rejects(pruneTask.run({ afterMs: 60_000 }, context(guarded, clock)), {
      code: 'task_failed',
      message: /^deregistered shop\/shop-1; .*the registry refused others: Permission denied$/,
    })
    assert.deepEqual(removed, ['n1/shop-1'])
  })

  it('starts to count anew when the instance recovered in between', async () => {
    const { registry, clock, critical, removed } = setUp()
    const run = (): Promise<string> => pruneTask.run({ afterMs: 60_000 }, context(registry, clock))
    await run()
    await clock.advance(50_000)
    critical.length = 0
    await run()
    critical.push(sick)
    await clock.advance(50_000)
    await run()
    assert.deepEqual(removed, [])
  })

  it('begins anew, and prunes nothing, when its record is not readable', async () => {
    const { registry, clock, removed } = setUp()
    await registry.kv.put('gateway/critical/sweep', '{"n1/shop-1": "long ago"}')
    await pruneTask.run({ afterMs: 1 }, context(registry, clock))
    assert.deepEqual(removed, [])
  })
})
