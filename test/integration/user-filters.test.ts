import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { it } from 'node:test'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { startInstance } from '../support/instance.ts'
import { until } from '../support/until.ts'

const hostile = fileURLToPath(new URL('../support/hostile-filter.ts', import.meta.url))

it('a module is reloaded with the config, a bad one is refused while the old one serves, and what one leaks ends nothing', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'meshgate-own-'))
  const file = join(folder, 'own.ts')
  const write = (status: string): Promise<void> =>
    writeFile(
      file,
      `export const filter = { create: () => ({ onResponse: (head: { status: number }) => void (head.status = ${status}) }) }`,
    )
  await write('201')
  const instance = await startInstance('app')
  const config = [
    'defaults: { health: { every: 200ms } }',
    `upstreams: { app: { instances: ["127.0.0.1:${instance.port}"] } }`,
    'routes:',
    `  - { name: own, match: { path: /own }, filters: [{ module: { file: ${file} } }], to: app }`,
    ...['leak', 'leak later', 'hang'].map(
      (does) =>
        `  - { name: ${does.replace(' ', '-')}, match: { path: /${does.replace(' ', '-')} }, filters: [{ module: { file: ${hostile}, options: { does: ${does} }, timeout: 100ms } }], to: app }`,
    ),
  ].join('\n')
  const gateway = await startGatewayProcess({
    registry: '{ embedded: { http: "127.0.0.1:0", dns: off, data: "{folder}/data" } }',
    config,
  })
  const reload = (): Promise<Response> => fetch(`${gateway.admin}/reload`, { method: 'POST' })
  const statusOf = async (path: string): Promise<number> => (await fetch(`${gateway.web}${path}`)).status
  try {
    await until('the instance gets traffic', async () => (await statusOf('/own')) === 201)
    await write('202')
    await reload()
    assert.equal(await statusOf('/own'), 202)
    await writeFile(file, 'export const filter = {')
    await reload()
    assert.equal(await statusOf('/own'), 202)
    assert.match(await (await fetch(`${gateway.admin}/config`)).text(), /own\.ts cannot be loaded/)
    await write('203')
    await reload()
    assert.equal(await statusOf('/own'), 203)
    for (const path of ['/leak', '/leak-later', '/leak', '/leak-later']) assert.equal(await statusOf(path), 200)
    assert.equal(await statusOf('/hang'), 504)
    await until(
      'the leaks are told',
      () => gateway.process.output().includes('filter.leaked') || gateway.process.output().includes('nobody could catch'),
    )
    assert.equal(await statusOf('/own'), 203)
  } finally {
    await gateway.stop()
    await instance.kill()
    await rm(folder, { recursive: true, force: true })
  }
})
