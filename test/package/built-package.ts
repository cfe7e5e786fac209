import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { fileURLToPath } from 'node:url'
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

it('the types for authors of filters hold the example, which the built package runs', async () => {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const example = join(root, 'examples/filters/tenant.ts')
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
  execFileSync(join(root, 'node_modules/.bin/tsc'), [...options, example], { cwd: root, stdio: 'inherit' })
  const folder = await mkdtemp(join(tmpdir(), 'meshgate-dist-'))
  const config = join(folder, 'gateway.yaml')
  const filters = `[{ module: { file: ${example}, options: { plans: { acme: gold } } } }]`
  await writeFile(config, `listeners: { web: { bind: "127.0.0.1:0" } }\nroutes: [{ name: r, filters: ${filters}, to: app }]\n`)
  const checked = execFileSync(process.execPath, [main, 'check', config], { encoding: 'utf8' })
  assert.match(checked, /OK/)
  await rm(folder, { recursive: true, force: true })
})
