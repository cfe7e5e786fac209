import assert from 'node:assert/strict'
import { execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startInstance } from '../support/instance.ts'
import { freePorts } from '../support/meshgate-process.ts'
import { registerInstance } from '../support/registries.ts'
import { until } from '../support/until.ts'
import { endsWithUs } from '../support/ends-with-us.ts'

// What `npm run build` has made is what the package and the image ship. Run by `npm run test:package`, after a build.
const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

it('the built package serves, with its registry thread, and ends with exit code 0', async () => {
  assert.ok(existsSync(main), 'there is no dist/: run `npm run build` first')
  const folder = await mkdtemp(join(tmpdir(), 'meshgate-dist-'))
  const [web, admin, http] = await freePorts(3)
  const config = join(folder, 'gateway.yaml')
  await writeFile(
    config,
    `listeners: { web: { bind: "127.0.0.1:${web}" } }
admin: { bind: "127.0.0.1:${admin}" }
registry: { embedded: { http: "127.0.0.1:${http}", dns: off, data: ${join(folder, 'data')} } }
routes: ["/hello/* -> hello"]
`,
  )
  execFileSync(process.execPath, [main, 'check', config])
  const instance = await startInstance('built')
  const gateway = endsWithUs(
    spawn(process.execPath, [main, 'run', '--config', config], { stdio: ['ignore', 'ignore', 'inherit'] }),
  )
  const ended = once(gateway, 'exit')
  try {
    await until('the registry answers', async () => (await fetch(`http://127.0.0.1:${http}/v1/status/leader`)).ok)
    await registerInstance(`http://127.0.0.1:${http}`, 'hello', instance.port)
    await until(
      'the instance gets traffic',
      async () => (await (await fetch(`http://127.0.0.1:${web}/hello/`)).text()) === 'built',
    )
    execFileSync(process.execPath, [main, 'ready', '--admin', `127.0.0.1:${admin}`])
  } finally {
    gateway.kill('SIGTERM')
    await instance.kill()
  }
  assert.deepEqual(await ended, [0, null])
  await rm(folder, { recursive: true, force: true })
})

it('the types for authors of filters and tasks hold the examples, which the built package loads', async () => {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const [filter, task] = [join(root, 'examples/filters/tenant.ts'), join(root, 'examples/tasks/purge.ts')]
  const options = [
    '--ignoreConfig',
    '--noEmit',
    '--strict',
    '--skipLibCheck',
    '--module',
    'nodenext',
    '--target',
    'es2024',
    '--types',
    'node',
  ]
  execFileSync(join(root, 'node_modules/.bin/tsc'), [...options, filter, task], { cwd: root, stdio: 'inherit' })
  const folder = await mkdtemp(join(tmpdir(), 'meshgate-dist-'))
  const config = join(folder, 'gateway.yaml')
  const filters = `[{ module: { file: ${filter}, options: { plans: { acme: gold } } } }]`
  const own = `module: { file: ${task}, options: { service: images, olderThan: 30d } }`
  await writeFile(
    config,
    `listeners: { web: { bind: "127.0.0.1:0" } }
routes: [{ name: r, filters: ${filters}, to: app }]
tasks: [{ name: t, cron: "@daily", ${own} }]
`,
  )
  const checked = execFileSync(process.execPath, [main, 'check', config], { encoding: 'utf8' })
  assert.match(checked, /OK/)
  await rm(folder, { recursive: true, force: true })
})

it('an application installs the package, has its types, and calls a service by name', async () => {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const folder = await mkdtemp(join(tmpdir(), 'meshgate-app-'))
  const [packed] = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], { cwd: root, encoding: 'utf8' }),
  ) as { filename: string }[]
  const installed = join(folder, 'node_modules/meshgate')
  await mkdir(installed, { recursive: true })
  execFileSync('tar', ['-xzf', join(folder, packed?.filename ?? ''), '--strip-components=1', '-C', installed])
  // What npm would install beside it.
  await symlink(join(root, 'node_modules'), join(installed, 'node_modules'))
  for (const name of ['@types', 'undici', 'undici-types'])
    await symlink(join(root, 'node_modules', name), join(folder, 'node_modules', name))
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  await writeFile(
    join(folder, 'app.ts'),
    `import { connect, type Lock, type Mesh } from 'meshgate/client'

const mesh: Mesh = await connect({
  registry: process.argv[2] ?? '',
  defaults: { health: { tcp: {}, every: '100ms' }, retry: { attempts: 2, on: ['connect', 503] } },
  services: { hello: { balance: 'least-requests' } },
})
const lock: Lock = await mesh.lock('app', { wait: '5s' })
console.log(await (await mesh.fetch('http://hello/')).text(), typeof lock.token, (await mesh.instances('hello')).length)
// @ts-expect-error -- no such setting
void (() => connect({ defaults: { retri: {} } }))
// @ts-expect-error -- a duration is text
void (() => connect({ wait: 5 }))
await mesh.close()
`,
  )
  await writeFile(join(folder, 'docs.ts'), await blocksOf(join(root, 'docs/client.md')))
  const check = [
    '--ignoreConfig',
    '--noEmit',
    '--strict',
    '--module',
    'nodenext',
    '--target',
    'es2024',
    '--lib',
    'es2024,esnext.disposable',
  ]
  execFileSync(join(root, 'node_modules/.bin/tsc'), [...check, '--types', 'node', 'app.ts', 'docs.ts'], {
    cwd: folder,
    stdio: 'inherit',
  })
  const [http] = await freePorts(1)
  const registry = endsWithUs(
    spawn(process.execPath, [main, 'registry', '--http', `127.0.0.1:${http}`, '--data', join(folder, 'data')], {
      stdio: 'ignore',
    }),
  )
  const instance = await startInstance('packed')
  try {
    const address = `http://127.0.0.1:${http}`
    await until('the registry answers', async () => (await fetch(`${address}/v1/status/leader`)).ok)
    await registerInstance(address, 'hello', instance.port)
    const { stdout } = await promisify(execFile)(process.execPath, ['app.ts', address], { cwd: folder, timeout: 20_000 })
    assert.equal(stdout.trim(), 'packed bigint 1')
  } finally {
    registry.kill('SIGTERM')
    await instance.kill()
    await rm(folder, { recursive: true, force: true })
  }
})

/** The examples of a page as one module. */
async function blocksOf(page: string): Promise<string> {
  const blocks = [...(await readFile(page, 'utf8')).matchAll(/```ts\n([\s\S]*?)```/g)].map(([, block = '']) => block)
  const imports = new Set(blocks.flatMap((block) => block.split('\n').filter(isImport)))
  const bodies = blocks.map(
    (block) =>
      `{\n${block
        .split('\n')
        .filter((line) => !isImport(line))
        .join('\n')}\n}`,
  )
  return [
    ...imports,
    "declare const mesh: import('meshgate/client').Mesh",
    'declare const build: (work: { signal: AbortSignal; fence: bigint }) => Promise<void>, lead: typeof build',
    'declare const apply: (text: string | undefined) => void, applyAll: (entries: readonly object[]) => void, problem: string | undefined',
    ...bodies,
    '',
  ].join('\n')
}

function isImport(line: string): boolean {
  return line.startsWith('import ')
}
