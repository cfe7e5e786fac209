import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { endsWithUs } from '../../support/ends-with-us.ts'
import { startInstance } from '../../support/instance.ts'
import { freePorts } from '../../support/meshgate-process.ts'
import { until } from '../../support/until.ts'
import { makeFolder } from '../registry.ts'
import { dnsTargets, register } from './dns-registry.ts'

// Other proxies that find their servers through the registry's DNS, where this machine has them.

function find(program: string): string | null {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '.peers/usr/sbin']
  return folders.map((folder) => join(folder, program)).find((file) => existsSync(file)) ?? null
}

const missing = (program: string): string | false => (find(program) === null ? `no ${program} on this machine` : false)

/** Runs a proxy with this config until the test ends. */
async function run(context: TestContext, program: string, args: readonly string[]): Promise<void> {
  const child = endsWithUs(spawn(find(program) ?? program, args, { stdio: 'ignore' }))
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()).once('error', () => resolve()))
  context.after(async () => {
    child.kill('SIGKILL')
    await ended
  })
}

const ask = async (port: number): Promise<string> => (await fetch(`http://127.0.0.1:${port}/`)).text()

for (const { name, skip, open } of dnsTargets) {
  test(
    `haproxy fills its server-template from the SRV records of ${name}`,
    { skip: missing('haproxy') || skip },
    async (context) => {
      const registry = await open()
      context.after(() => registry.close())
      const instances = [await startInstance('one'), await startInstance('two')]
      for (const instance of instances) context.after(() => instance.kill())
      const put = (id: string, port = 0): Promise<void> =>
        register(registry.url, { Node: id, Address: '127.0.0.1', Service: { ID: id, Service: 'shop', Port: port } })
      const [port = 0] = await freePorts(1)
      const file = join(makeFolder(context), 'haproxy.cfg')
      writeFileSync(
        file,
        `defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
resolvers mesh
  nameserver registry 127.0.0.1:${registry.port}
  accepted_payload_size 8192
  timeout resolve 100ms
  timeout retry 100ms
  hold valid 100ms
  hold obsolete 100ms
listen shop
  bind 127.0.0.1:${port}
  balance roundrobin
  server-template shop 4 _shop._tcp.service.consul resolvers mesh resolve-prefer ipv4 init-addr none
`,
      )
      await put('one', instances[0]?.port)
      await run(context, 'haproxy', ['-db', '-f', file])
      await until('the first instance is asked', async () => (await ask(port)) === 'one')
      await put('two', instances[1]?.port)
      await until('the second one is asked too', async () => (await ask(port)) === 'two')
      await fetch(`${registry.url}/v1/catalog/deregister`, { method: 'PUT', body: '{"Node":"one"}' })
      await until(
        'only the second is asked',
        async () => (await Promise.all([ask(port), ask(port), ask(port)])).join() === 'two,two,two',
      )
    },
  )

  test(`nginx resolves names by ${name}`, { skip: missing('nginx') || skip }, async (context) => {
    const registry = await open()
    context.after(() => registry.close())
    const instance = await startInstance('one')
    context.after(() => instance.kill())
    await register(registry.url, { Node: 'one', Address: '127.0.0.1', Service: { Service: 'shop', Port: instance.port } })
    const [port = 0] = await freePorts(1)
    const folder = makeFolder(context)
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/${kind};`)
    const file = join(folder, 'nginx.conf')
    writeFileSync(
      file,
      `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/errors;
events {}
http {
  access_log off; ${temporary.join(' ')} resolver 127.0.0.1:${registry.port} valid=1s ipv6=off;
  server { listen 127.0.0.1:${port};
    location / { set $name shop.service.consul; proxy_pass http://$name:${instance.port}; }
    location /none { set $name none.service.consul; proxy_pass http://$name:1; } }
}
`,
    )
    await run(context, 'nginx', ['-c', file])
    await until('the instance is asked', async () => (await ask(port)) === 'one')
    assert.equal((await fetch(`http://127.0.0.1:${port}/none`)).status, 502)
  })
}
