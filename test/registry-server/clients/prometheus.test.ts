import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import { listen } from '../../../src/listen.ts'
import { freePorts } from '../../support/meshgate-process.ts'
import { until } from '../../support/until.ts'
import { makeFolder, openRegistry } from '../registry.ts'
import { clientFile, clientSkip } from './programs.ts'
import { endsWithUs } from '../../support/ends-with-us.ts'

interface Target {
  readonly discoveredLabels: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
  readonly health: string
}

test('Prometheus finds services, scrapes them, and drops them when they leave', { skip: clientSkip() }, async (context) => {
  const registry = await openRegistry(context)
  const instance = createServer((_, response) => void response.end('up_since 1\n'))
  const { port } = await listen(instance, { host: '127.0.0.1', port: 0 }, 'the instance')
  context.after(() => (instance.closeAllConnections(), instance.close()))
  const register = async (id: string, tags: readonly string[], meta: object): Promise<void> => {
    const service = { ID: id, Name: id, Address: '127.0.0.1', Port: port, Tags: tags, Meta: meta }
    assert.equal((await registry.put('/v1/agent/service/register', service)).status, 200)
  }
  await register('web', ['a', 'b'], { team: 'shop' })
  await register('api', [], {})
  const targets = await startPrometheus(context, registry.port)

  const [api, web] = await until(
    'both services are up',
    async () => {
      const found = await targets()
      return found.length === 2 && found.every(({ health }) => health === 'up') ? found : null
    },
    30_000,
  )
  assert.equal(api?.labels['service'], 'api')
  assert.equal(web?.labels['service'], 'web')
  const { discoveredLabels } = web
  assert.equal(discoveredLabels['__address__'], `127.0.0.1:${port}`)
  const meta = Object.entries(discoveredLabels).filter(([name]) => name.startsWith('__meta_consul_'))
  assert.deepEqual(Object.fromEntries(meta), {
    __meta_consul_address: '127.0.0.1',
    __meta_consul_dc: 'dc1',
    __meta_consul_health: 'passing',
    __meta_consul_node: 'n1',
    __meta_consul_service: 'web',
    __meta_consul_service_address: '127.0.0.1',
    __meta_consul_service_id: 'web',
    __meta_consul_service_metadata_team: 'shop',
    __meta_consul_service_port: String(port),
    __meta_consul_tagged_address_lan: '127.0.0.1',
    __meta_consul_tagged_address_lan_ipv4: '127.0.0.1',
    __meta_consul_tagged_address_wan: '127.0.0.1',
    __meta_consul_tagged_address_wan_ipv4: '127.0.0.1',
    __meta_consul_tags: ',a,b,',
  })

  await registry.put('/v1/agent/service/deregister/web')
  await until(
    'the service that left is gone',
    async () => (await targets()).map(({ labels }) => labels['service']).join() === 'api',
    30_000,
  )
})

/** Starts a Prometheus that scrapes the registry's services; gives how to ask for its targets. */
async function startPrometheus(test: TestContext, registryPort: number): Promise<() => Promise<readonly Target[]>> {
  const folder = makeFolder(test)
  const [port = 0] = await freePorts(1)
  const config = {
    global: { scrape_interval: '1s' },
    scrape_configs: [
      {
        job_name: 'registry',
        consul_sd_configs: [{ server: `127.0.0.1:${registryPort}`, refresh_interval: '1s' }],
        relabel_configs: [
          { source_labels: ['__meta_consul_service'], regex: 'consul', action: 'drop' },
          { source_labels: ['__meta_consul_service'], target_label: 'service' },
        ],
      },
    ],
  }
  const file = join(folder, 'prometheus.yml')
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(config))
  const child = endsWithUs(
    spawn(
      clientFile('bin', 'prometheus'),
      [`--config.file=${file}`, `--storage.tsdb.path=${join(folder, 'data')}`, `--web.listen-address=127.0.0.1:${port}`],
      { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] },
    ),
  )
  const ended = new Promise((resolve) => child.once('close', resolve))
  test.after(async () => {
    child.kill('SIGKILL')
    await ended
  })
  void text(child.stderr).then((log) => test.diagnostic(log.slice(-2_000)))
  return async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/targets`)
    const { data } = (await answer.json()) as { data: { activeTargets: Target[] } }
    return data.activeTargets.toSorted((a, b) => ((a.labels['service'] ?? '') < (b.labels['service'] ?? '') ? -1 : 1))
  }
}
