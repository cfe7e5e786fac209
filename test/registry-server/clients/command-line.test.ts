import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { call, makeFolder } from '../registry.ts'
import { commandLineTargets, openCommandLine } from './command-line.ts'

for (const target of commandLineTargets) {
  test(`Consul's own command line works on ${target.name}`, { skip: target.skip }, async (context) => {
    const line = await openCommandLine(context, target)
    const { consul, run } = line
    const url = `http://127.0.0.1:${line.port}`

    await context.test('kv: puts, gets, lists, compares and deletes', async () => {
      assert.equal(
        await consul('kv', 'put', '-flags=18446744073709551615', 'app/a', 'hello'),
        'Success! Data written to: app/a\n',
      )
      assert.equal(await consul('kv', 'get', 'app/a'), 'hello\n')
      assert.match(await consul('kv', 'get', '-detailed', 'app/a'), /^Flags +18446744073709551615$/m)
      await consul('kv', 'put', '-base64', 'app/bytes', '/wD+')
      assert.equal(await consul('kv', 'get', '-base64', 'app/bytes'), '/wD+\n')
      await run(['kv', 'put', 'app/deep/b', '-'], 'from stdin')
      assert.equal(await consul('kv', 'get', 'app/deep/b'), 'from stdin\n')
      assert.equal(await consul('kv', 'get', '-keys', 'app/'), 'app/a\napp/bytes\napp/deep/\n')
      assert.match(await consul('kv', 'get', '-recurse', 'app/'), /^app\/a:hello$/m)
      const modifyIndex = /^ModifyIndex +(\d+)$/m.exec(await consul('kv', 'get', '-detailed', 'app/a'))?.[1] ?? ''
      assert.equal(
        await consul('kv', 'put', '-cas', `-modify-index=${modifyIndex}`, 'app/a', 'b'),
        'Success! Data written to: app/a\n',
      )
      const stale = await run(['kv', 'put', '-cas', `-modify-index=${modifyIndex}`, 'app/a', 'c'])
      assert.equal(stale.code, 1)
      assert.match(stale.stderr, /CAS failed/)
      assert.match((await run(['kv', 'get', 'app/none'])).stderr, /No key exists at: app\/none/)
      assert.equal(await consul('kv', 'delete', '-recurse', 'app/'), 'Success! Deleted keys with prefix: app/\n')
      assert.equal(await consul('kv', 'get', '-keys', 'app/'), '')
    })

    await context.test('kv: imports what it has exported, flags included', async () => {
      await consul('kv', 'put', '-flags=42', 'tree/a', 'ä\n')
      await consul('kv', 'put', 'tree/empty', '')
      const exported = await consul('kv', 'export', 'tree/')
      await consul('kv', 'delete', '-recurse', 'tree/')
      assert.match((await run(['kv', 'import', '-'], exported)).stdout, /Imported: tree\/a\nImported: tree\/empty/)
      assert.equal(await consul('kv', 'export', 'tree/'), exported)
      assert.equal(await consul('kv', 'get', 'tree/a'), 'ä\n\n')
    })

    await context.test('services and catalog: registers from a file, lists, deregisters', async () => {
      const file = join(makeFolder(context), 'web.json')
      const service = { name: 'web', port: 80, tags: ['a', 'b'], meta: { v: '1' }, check: { ttl: '30s', status: 'passing' } }
      writeFileSync(file, JSON.stringify({ service }))
      assert.equal(await consul('services', 'register', file), 'Registered service: web\n')
      await consul('services', 'register', '-name=api', '-id=api-1', '-port=81', '-tag=x')
      const services = await untilShown(() => consul('catalog', 'services', '-tags'), /web/)
      assert.match(services, /^api +x$/m)
      assert.match(services, /^web +a,b$/m)
      assert.match(await consul('catalog', 'nodes', '-service=web'), /^n1 +[0-9a-f]{8} +127\.0\.0\.1 +dc1$/m)
      assert.match(await consul('catalog', 'nodes', '-detailed'), /lan=127\.0\.0\.1/)
      assert.equal(await consul('catalog', 'datacenters'), 'dc1\n')
      assert.match(await consul('catalog', 'services', '-node=n1'), /^consul$/m)
      await consul('services', 'deregister', file)
      await consul('services', 'deregister', '-id=api-1')
      await untilShown(() => consul('catalog', 'services'), /^consul\n$/)
    })

    await context.test('services register: takes HCL with a sidecar, which goes with its service', async () => {
      const file = join(makeFolder(context), 'shop.hcl')
      const sidecar = 'sidecar_service { proxy { upstreams = [{ destination_name = "db" local_bind_port = 9191 }] } }'
      writeFileSync(file, `service { name = "shop" port = 80 weights { passing = 5 warning = 1 } connect { ${sidecar} } }`)
      assert.equal(await consul('services', 'register', file), 'Registered service: shop\n')
      await untilShown(() => consul('catalog', 'services'), /^shop-sidecar-proxy$/m)
      await consul('services', 'deregister', '-id=shop')
      await untilShown(() => consul('catalog', 'services'), /^consul\n$/)
    })

    await context.test('maint: takes a service and the node out and back', async () => {
      await consul('services', 'register', '-name=web')
      await consul('maint', '-enable', '-service=web', '-reason=rollout')
      await consul('maint', '-enable', '-reason=kernel')
      const shown = await consul('maint')
      assert.match(shown, /Name: +n1\n +Reason: +kernel/)
      assert.match(shown, /ID: +web\n +Reason: +rollout/)
      await consul('maint', '-disable', '-service=web')
      await consul('maint', '-disable')
      assert.equal(await consul('maint'), '')
      await consul('services', 'deregister', '-id=web')
    })

    await context.test('snapshot: saves, inspects and restores', async () => {
      const file = join(makeFolder(context), 'state.snap')
      await consul('kv', 'put', 'snap/a', 'before')
      assert.match(await consul('snapshot', 'save', file), /^Saved and verified snapshot to index \d+\n$/)
      assert.match(await consul('snapshot', 'inspect', file), /^Index +\d+$/m)
      await consul('kv', 'put', 'snap/a', 'after')
      assert.equal(await consul('snapshot', 'restore', file), 'Restored snapshot\n')
      assert.equal(await consul('kv', 'get', 'snap/a'), 'before\n')
      writeFileSync(file, readFileSync(file).subarray(0, 100))
      assert.equal((await run(['snapshot', 'restore', file])).code, 1)
      assert.equal(await consul('kv', 'get', 'snap/a'), 'before\n')
    })

    await context.test('event: fires one that the list shows', async () => {
      assert.match(await consul('event', '-name=deploy', '-node=n1', 'payload'), /^Event ID: [0-9a-f-]{36}\n$/)
      const listed = await untilShown(async () => (await call(`${url}/v1/event/list?name=deploy`, 'GET')).text, /deploy/)
      assert.match(listed, /"Payload":"cGF5bG9hZA=="/)
    })

    await context.test('members, info, operator, rtt, reload and join tell of one server', async () => {
      assert.match(await consul('members'), /^n1 +127\.0\.0\.1:\d+ +alive +server +1\.8\.7 +2 +dc1/m)
      assert.match(await consul('info'), /^consul:\n[^:]*leader = true/m)
      assert.match(await consul('operator', 'raft', 'list-peers'), /^n1 .* leader +true +3$/m)
      assert.match(await consul('operator', 'autopilot', 'get-config'), /^CleanupDeadServers = true$/m)
      assert.equal(await consul('reload'), 'Configuration reload triggered\n')
      const coordinate = { Vec: [0, 0, 0, 0, 0, 0, 0, 0], Error: 1.5, Adjustment: 0, Height: 0.001 }
      await call(`${url}/v1/coordinate/update`, 'PUT', { Node: 'n1', Coord: coordinate })
      const estimate = await untilShown(async () => (await run(['rtt', 'n1', 'n1'])).stdout, /rtt/)
      assert.match(estimate, /^Estimated n1 <-> n1 rtt: \d+\.\d+ ms \(using LAN coordinates\)\n$/)
    })

    await context.test('acl and connect say that they are off', async () => {
      assert.match((await run(['acl', 'token', 'list'])).stderr, /401 \(ACL support disabled\)/)
      assert.match((await run(['connect', 'ca', 'get-config'])).stderr, /Connect must be enabled/)
      assert.match((await run(['keyring', '-list'])).stderr, /Keyring is empty/)
    })
  })
}

/** The agent of the real Consul tells its catalog and its coordinates a little later. */
async function untilShown(show: () => Promise<string>, wanted: RegExp): Promise<string> {
  const deadline = performance.now() + 10_000
  for (;;) {
    const shown = await show()
    if (wanted.test(shown) || performance.now() > deadline) return (assert.match(shown, wanted), shown)
  }
}
