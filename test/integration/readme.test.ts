import assert from 'node:assert/strict'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { ConfigStatus } from '../../src/controlplane/config-status.ts'
import type { TasksView } from '../../src/controlplane/tasks/task-view.ts'
import { freePorts, spawnMeshgate, untilReady, type MeshgateProcess } from '../support/meshgate-process.ts'
import { openShell, type Shell } from '../support/shell.ts'
import { until } from '../support/until.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const portsOfReadme = ['8080', '8081', '8500', '8600', '4180', '8090', '8091', '4190', '9001', '9002']

// The README's own blocks, in a folder like a checkout, with free ports in the place of those that it names.
describe('the five steps of the README, as they stand there', () => {
  let folder: string
  let gateway: MeshgateProcess
  let shell: Shell
  let blocks: readonly string[]
  const ports = new Map<string, string>()
  const remap = (text: string): string => text.replace(/\b\d{4}\b/g, (port) => ports.get(port) ?? port)
  const ask = async <T>(path: string): Promise<T> => (await (await fetch(remap(`http://127.0.0.1:8081${path}`))).json()) as T

  before(async () => {
    const free = await freePorts(portsOfReadme.length)
    for (const [at, port] of portsOfReadme.entries()) ports.set(port, String(free[at]))
    folder = await mkdtemp(join(tmpdir(), 'meshgate-readme-'))
    await cp(join(root, 'config'), join(folder, 'config'), { recursive: true })
    for (const name of ['gateway.yaml', 'gateway.replica.yaml']) {
      const file = join(folder, 'config', name)
      await writeFile(file, remap(await readFile(file, 'utf8')))
    }
    await writeFile(join(folder, 'package.json'), JSON.stringify({ scripts: { meshgate: `node ${join(root, 'src/main.ts')}` } }))
    const readme = await readFile(join(root, 'README.md'), 'utf8')
    blocks = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block = '']) => remap(block))
    gateway = spawnMeshgate(['run'], { cwd: folder })
    await untilReady(Number(ports.get('8081')), gateway)
    // The node of these tests comes first, as it does below npm.
    shell = openShell(folder, { PATH: `${dirname(process.execPath)}${delimiter}${process.env['PATH'] ?? ''}` })
  })
  after(async () => {
    await shell?.close()
    await gateway?.end('SIGTERM')
    await rm(folder, { recursive: true, force: true })
  })

  const run = (at: number): Promise<string> => {
    const block = blocks[at]
    assert.ok(block, `the README has a block ${at + 1}`)
    return shell.run(block)
  }

  it('1: two copies of a server are registered', async () => {
    await run(0)
    await until('both instances get traffic', async () => (await ask<{ eligible: number }[]>('/upstreams'))[0]?.eligible === 2)
    // Whoever pastes the next block at once must not meet an instance that failed its first probe because its server was still starting.
    assert.doesNotMatch(gateway.output(), /endpoint\.unhealthy/)
  })

  it('2: both answer in turn, no call fails when one is killed, and it comes back', async () => {
    const lines = (await run(1)).split('\n').filter((line) => line.startsWith('hello from'))
    const [first, second] = [remap('hello from 9001'), remap('hello from 9002')]
    assert.deepEqual(lines.slice(0, 4).toSorted(), [first, first, second, second].toSorted())
    assert.deepEqual(lines.slice(4), [second, second, second, second])
    await until(
      'the instance gets traffic again',
      async () => (await ask<{ eligible: number }[]>('/upstreams'))[0]?.eligible === 2,
    )
  })

  it('3: a route is added without a restart', async () => {
    assert.match(await run(2), /hello from \d+/)
  })

  it('3: a broken one is refused with line, column and reason, and the old one stays', async () => {
    const output = await run(3)
    assert.match(output, /hello from \d+/)
    const { entries } = await ask<ConfigStatus>('/config')
    assert.equal(entries[0]?.state, 'refused')
    assert.match(entries[0]?.problems[0]?.message ?? '', /did you mean "path"/)
    await until('the log tells the place', () => /kv:gateway\/routes\/hello:1:10/.test(gateway.output()))
  })

  it('4: a service is called by its name in both ways', async () => {
    assert.equal((await run(4)).match(/hello from \d+/g)?.length, 2)
  })

  it('5: the task runs once per second in the pair', async () => {
    const output = await run(5)
    const view = JSON.parse(output.slice(output.indexOf('{\n'))) as TasksView
    assert.equal(view.isLeader, true, 'the gateway that hosts the registry gives the lead away')
    const fires = view.tasks[0]?.runs.map(({ fireTime }) => Date.parse(fireTime)) ?? []
    assert.ok(fires.length >= 5, `${fires.length} runs in fifteen seconds`)
    assert.equal(new Set(fires).size, fires.length)
  })

  it('5: the other one takes over when the leader is killed', async () => {
    const killed = (await ask<TasksView>('/tasks')).leader?.name
    const view = JSON.parse((await run(6)).replace(/^[^{]*/, '')) as TasksView
    assert.equal(view.isLeader, true)
    assert.notEqual(view.leader?.name, killed)
    assert.equal(view.tasks[0]?.last?.by, view.leader?.name)
  })
})
