import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'

const script = `
import { registryCommand } from './src/cli/registry.ts'
import { systemClock, systemRandom } from './src/clock.ts'
import { openLogger } from './src/logging.ts'
import { startRegistryServer } from './src/registry-server/server.ts'
const { logger } = openLogger({ level: 'silent', format: 'json' })
const options = { http: { host: '127.0.0.1', port: 0 }, data: null, node: 'n1', datacenter: 'dc1', clock: systemClock, random: systemRandom, logger }
const server = await startRegistryServer(options)
await server.close()
console.log(JSON.stringify({ command: registryCommand.name, modules: process.moduleLoadList }))
`

test('a registry over plain HTTP loads neither fetch nor TLS nor HTTP/2: each costs resident memory', () => {
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' })
  const { command, modules } = JSON.parse(output) as { command: string; modules: string[] }
  assert.equal(command, 'registry')
  assert.ok(modules.includes('NativeModule _http_server'), 'the list names what is loaded')
  for (const name of ['internal/deps/undici/undici', 'https', 'tls', 'http2'])
    assert.ok(!modules.includes(`NativeModule ${name}`), `${name} is loaded`)
})
