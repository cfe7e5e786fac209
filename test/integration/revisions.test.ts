import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { WebSocketServer, WebSocket } from 'ws'
import type { ConfigStatus } from '../../src/controlplane/config-status.ts'
import type { Applied, RevisionPreview } from '../../src/controlplane/revisions/revision-desk.ts'
import type { FleetView } from '../../src/controlplane/revisions/revision-report.ts'
import { meshgate, type Ran } from '../cli/captured.ts'
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts'
import { startInstance, type TestInstance } from '../support/instance.ts'
import { put, registries, type TestRegistry } from '../support/registries.ts'
import { until } from '../support/until.ts'

for (const kind of registries) {
  describe(`revisions on ${kind.name}`, { skip: kind.skip }, () => {
    let registry: TestRegistry
    let gateways: readonly GatewayProcess[] = []
    let folder: string
    const instances: TestInstance[] = []
    let config: string
    let upstreams: string
    before(async () => {
      registry = await kind.start()
      folder = await mkdtemp(join(tmpdir(), 'meshgate-revisions-'))
      for (const name of ['file', 'one', 'two']) instances.push(await startInstance(name))
      upstreams = `upstreams:\n${instances.map(({ name, port }) => `  ${name}: { instances: ["127.0.0.1:${port}"] }\n`).join('')}`
      config = `defaults: { health: { every: 200ms } }\n${upstreams}routes: [{ name: a, match: { path: /a }, to: file }]\n`
      const first = await startGatewayProcess({ registry: registry.first, config })
      gateways = [first]
      gateways = [first, await startGatewayProcess({ registry: registry.further, config: `${config}workers: 2\n` })]
    })
    after(async () => {
      for (const gateway of gateways.toReversed()) await gateway.stop()
      await registry.stop()
      for (const instance of instances) await instance.kill()
      await rm(folder, { recursive: true, force: true })
    })

    const admin = (): string[] => ['--admin', gateways[0]?.adminAddress ?? '']
    const run = (command: string, ...args: string[]): Promise<Ran> => meshgate(command, ...args, ...admin())
    const view = async (): Promise<FleetView> => JSON.parse((await run('history', '--json')).out) as FleetView
    const written = async (name: string, text: string): Promise<string> => {
      await writeFile(join(folder, name), text)
      return join(folder, name)
    }
    const apply = async (text: string, ...more: string[]): Promise<Applied> => {
      const { code, out, err } = await run('apply', await written('applied.yaml', text), '--yes', '--json', ...more)
      assert.equal(code, 0, err)
      return JSON.parse(out) as Applied
    }
    const allThere = (): Promise<FleetView> =>
      until('all replicas are there', async () => {
        const now = await view()
        return now.replicas.length === 2 && now.replicas.every(({ isThere }) => isThere) ? now : null
      })
    /** Who answers at a path, at each replica. */
    const answers = async (path: string): Promise<readonly string[]> =>
      Promise.all(gateways.map(async ({ web }) => (await fetch(`${web}${path}`)).text()))
    /** With several workers, the moment when the last one has the config is not told. */
    const answered = async (path: string, name: string): Promise<void> => {
      await until(`${name} answers ${path}`, async () => (await answers(path)).every((body) => body.includes(name)))
    }

    it('are checked, shown, put in force on every replica above the file and below the keys, and taken back', async () => {
      const text = 'routes: [{ name: a, match: { path: /a }, to: one }, { name: b, match: { path: /b }, to: one }]'
      const shown = await run('diff', await written('one.yaml', text))
      assert.equal(shown.code, 0, shown.err)
      assert.match(shown.out, /^\+ route b\n~ route a\n {4}to\[0\]\.upstream: "file" → "one"\n/)
      assert.match(shown.out, /overrides the route "a" at .*gateway\.yaml/)
      assert.match(shown.out, /2 routes change, 0 of 0 open WebSockets close\n$/)
      const { revision } = await apply(text, '--reason', 'the first', '--author', 'ann')
      const now = await allThere()
      assert.deepEqual([now.revision, now.number], [revision, 1])
      assert.match(
        (await run('explain', 'GET', 'http://any.test/b')).out,
        new RegExp(`config \\d+, revision ${revision?.slice(0, 12)}\n`),
      )
      assert.deepEqual([now.moves[0]?.author, now.moves[0]?.reason, now.moves[0]?.kind], ['ann', 'the first', 'apply'])
      await answered('/a', 'one')
      await answered('/b', 'one')
      await put(registry.address, '/v1/kv/gateway/routes/a', '{ match: { path: /a }, to: two }')
      await answered('/a', 'two')
      await apply('routes: [{ name: a, match: { path: /a }, to: file }, { name: c, match: { path: /c }, to: two }]')
      await allThere()
      await answered('/c', 'two')
      assert.deepEqual(
        (await answers('/a')).map((body) => body.includes('two')),
        [true, true],
      )
      const back = await run('rollback', '--yes', '--reason', 'it was no good')
      assert.equal(back.code, 0, back.err)
      const after = await allThere()
      assert.deepEqual([after.revision, after.number, after.moves.length, after.moves[0]?.kind], [revision, 3, 3, 'rollback'])
      await answered('/b', 'one')
      const { out } = await run('history')
      assert.match(out, /^ {2}MOVE +KIND +REVISION +AT +AUTHOR +REASON\n\* 3 +rollback .* it was no good\n {2}2 +apply /)
      await meshgate('rollback', '2', '--yes', ...admin())
      await answered('/c', 'two')
      await put(registry.address, '/v1/kv/gateway/routes/a', '{ match: { path: /a }, to: file }')
    })

    it('that are wrong are refused whole, each mistake with its place; nothing is written', async () => {
      const before = await view()
      const bad = await written('bad.yaml', 'routes:\n  - /x -> one\n  - { name: y, match: { pth: /y }, to: one }\n')
      const cold = await written('cold.yaml', 'log: { level: debug }\n')
      const { code, out, err } = await run('apply', bad, cold, '--yes')
      assert.deepEqual([code, out], [1, ''])
      assert.match(err, /bad\.yaml:3:25 routes\[1\]\.match\.pth: unknown key, did you mean "path"\?/)
      assert.match(err, /cold\.yaml:1:1 log: needs a restart, so it cannot be in a revision/)
      const twice = await written('twice.yaml', 'routes: [{ name: q, match: { path: /q }, to: one }]')
      const again = await written('again.yaml', 'routes: [{ name: q, match: { path: /p }, to: one }]')
      assert.match(
        (await run('diff', twice, again)).err,
        /again\.yaml:1:10 .*the route "q" is at .*twice\.yaml:1:10 too: take one out/,
      )
      const secret = await written('secret.yaml', 'routes: [{ name: q, match: { path: /q }, to: "${env:HOME}" }]')
      assert.match((await run('diff', secret)).err, /in KV only variables that begin with MESHGATE_ can be used/)
      assert.equal((await run('apply', join(folder, 'absent.yaml'), '--yes')).code, 1)
      assert.equal((await run('apply')).code, 2)
      assert.equal((await run('apply', twice)).code, 2)
      assert.equal((await run('rollback', 'ffffffff', '--yes')).code, 1)
      assert.deepEqual((await view()).moves, before.moves)
    })

    it('of several people at once: one is in force, the others are told who was faster', async () => {
      const base = (await view()).number
      const url = `http://${gateways[0]?.adminAddress}/revisions/apply`
      const answersOfAll = await Promise.all(
        ['ann', 'bob', 'cy'].map(async (author) => {
          const files = [{ name: 'x.yaml', text: `routes: [{ name: ${author}, match: { path: /${author} }, to: one }]` }]
          const body = JSON.stringify({ files, base, author, reason: 'mine' })
          const answer = await fetch(url, { method: 'POST', body })
          return { status: answer.status, body: (await answer.json()) as { error?: { code: string; message: string } } }
        }),
      )
      assert.deepEqual(answersOfAll.map(({ status }) => status).toSorted(), [200, 409, 409])
      const winner = (await allThere()).moves[0]
      for (const { body } of answersOfAll.filter(({ status }) => status === 409)) {
        assert.equal(body.error?.code, 'revision_conflict')
        assert.ok(body.error?.message.includes(`${winner?.author} has made move ${base + 1}`), body.error?.message)
      }
    })

    it('that are larger than one value of KV are split', async () => {
      // Files that are too short to be parsed in a thread, which a busy machine is slow to start.
      const files = await Promise.all(
        Array.from({ length: 30 }, (_, n) =>
          written(`many-${n}.yaml`, `routes: [{ name: r${n}, match: { path: /many/${n} }, to: one }]\n# ${'x'.repeat(15_000)}`),
        ),
      )
      const { code, out, err } = await run('apply', ...files, '--yes', '--json')
      assert.equal(code, 0, err)
      const { revision } = JSON.parse(out) as Applied
      const keys = (await (
        await fetch(`${registry.address}/v1/kv/gateway/config/revisions/${revision}/?keys`)
      ).json()) as string[]
      assert.equal(keys.length, 3)
      await allThere()
      await answered('/many/29', 'one')
    })

    it('that are damaged, and a pointer that is damaged or gone, leave what serves and are told everywhere; rollback repairs', async () => {
      const { revision: good } = await apply('routes: [{ name: good, match: { path: /good }, to: one }]')
      await allThere()
      await answered('/good', 'one')
      const pointer = '/v1/kv/gateway/config/current'
      const stands = async (problem: RegExp): Promise<void> => {
        for (const gateway of gateways) {
          const { revision } = await until(`${problem} is told`, async () => {
            const status = await gateway.ask<ConfigStatus>('/config')
            return problem.test(status.revision.problem ?? '') ? status : null
          })
          assert.equal(revision.running, good)
          assert.match(await (await fetch(`${gateway.admin}/metrics`)).text(), /^meshgate_config_revision_refused 1$/m)
          await until('it is logged', () => /"event":"revision\.(refused|pointer_damaged)"/.test(gateway.process.output()))
        }
        assert.deepEqual(
          (await answers('/good')).map((body) => body.includes('one')),
          [true, true],
        )
      }
      const { code, out } = await run('rollout', '--json')
      assert.equal(code, 0, out)
      assert.match(
        out,
        /^\{"event":"move".*\n(\{"event":"replica".*\n){2}\{"event":"end","ok":true,"text":"all 2 replicas run \w{12}, after .*"\}\n$/,
      )
      const text = Buffer.from(
        ((await (await fetch(`${registry.address}${pointer}`)).json()) as [{ Value: string }])[0].Value,
        'base64',
      ).toString()
      const absent = 'ab'.repeat(32)
      await put(registry.address, pointer, text.replace(`"revision":"${good}"`, `"revision":"${absent}"`))
      await stands(/it is not there/)
      const late = await run('rollout', '--deadline', '300ms')
      assert.equal(late.code, 1)
      assert.match(
        late.out,
        /\nafter 300ms not all run abababababab: meshgate-\S+ \(it is not there\), meshgate-\S+ \(it is not there\)\n$/,
      )
      await put(registry.address, pointer, 'nonsense')
      await stands(/gateway\/config\/current makes no sense/)
      assert.match((await run('history')).out, /makes no sense/)
      await fetch(`${registry.address}${pointer}`, { method: 'DELETE' })
      await stands(/gateway\/config\/current is gone/)
      await put(registry.address, pointer, text)
      await allThere()
      await put(registry.address, `/v1/kv/gateway/config/revisions/${good}/0001`, '[{"name":"x","text":"routes: []"}]')
      await stands(/does not have the hash/)
      await apply('routes: [{ name: next, match: { path: /next }, to: two }]')
      await allThere()
      await answered('/next', 'two')
      const lost = await run('rollback', '--yes')
      assert.equal(lost.code, 1)
      assert.match(lost.err, /cannot be used: its content does not have the hash/)
    })

    it('tell how many of the open WebSockets they close', async () => {
      const speaker = new WebSocketServer({ port: 0, host: '127.0.0.1' })
      await once(speaker, 'listening')
      const sockets: WebSocket[] = []
      try {
        const { port } = speaker.address() as { port: number }
        const chat = `  chat: { instances: ["127.0.0.1:${port}"] }\nroutes: [{ name: chat, match: { path: /chat }, to: chat }, { name: o, match: { path: /o }, to: one }]`
        await apply(`upstreams:\n${chat}`)
        await allThere()
        for (let n = 0; n < 3; n++) {
          const socket = new WebSocket(`${gateways[0]?.web.replace('http', 'ws')}/chat`)
          sockets.push(socket)
          await once(socket, 'open')
        }
        const previewOf = async (text: string): Promise<RevisionPreview['impact']> => {
          const { out, err } = await run('diff', await written('ws.yaml', text), '--json')
          assert.equal(err, '')
          return (JSON.parse(out) as RevisionPreview).impact
        }
        const kept = `upstreams:\n${chat.replace('/o }, to: one', '/o }, to: two')}`
        assert.deepEqual(await previewOf(kept), { routes: 1, webSockets: 3, webSocketsClosing: 0 })
        assert.deepEqual(await previewOf('routes: [{ name: o, match: { path: /o }, to: one }]'), {
          routes: 1,
          webSockets: 3,
          webSocketsClosing: 3,
        })
      } finally {
        for (const socket of sockets) socket.terminate()
        for (const client of speaker.clients) client.terminate()
        speaker.close()
      }
    })
  })
}
