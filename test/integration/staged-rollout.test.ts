import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Agent, request } from 'undici'
import type { ConfigStatus } from '../../src/controlplane/config-status.ts'
import type { FleetView } from '../../src/controlplane/revisions/revision-report.ts'
import type { TasksView } from '../../src/controlplane/tasks/task-view.ts'
import { meshgate, type Ran } from '../cli/captured.ts'
import { startAppHere, type AppHere } from '../support/app-here.ts'
import { bareRegistries, type BareRegistry } from '../support/bare-registries.ts'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { startInstance, type TestInstance } from '../support/instance.ts'
import { until } from '../support/until.ts'

/** Of one gateway: each marker that an answer had, and how many requests failed while it had that one. */
type Seen = Map<string, { answers: number; failures: number }>

interface Watch {
  /** By gateway. */
  readonly seen: readonly Seen[]
  stop(): Promise<void>
}

/** Asks all gateways for all paths in turn until stopped. */
function watchTraffic(webs: readonly string[], paths: readonly string[]): Watch {
  const dispatcher = new Agent()
  const stopping = new AbortController()
  const seen = webs.map((): Seen => new Map())
  const ask = async (web: string, path: string): Promise<readonly [string, boolean]> => {
    const { statusCode, headers, body } = await request(`${web}${path}`, { dispatcher })
    await body.dump()
    return [String(headers['x-marker']), statusCode === 200]
  }
  const loops = webs.map(async (web, at) => {
    for (let turn = 0; !stopping.signal.aborted; turn++) {
      const [marker, isWell] = await ask(web, paths[turn % paths.length] ?? '/').catch(() => ['broken', false] as const)
      const { answers, failures } = seen[at]?.get(marker) ?? { answers: 0, failures: 0 }
      seen[at]?.set(marker, { answers: answers + 1, failures: failures + (isWell ? 0 : 1) })
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  })
  return {
    seen,
    stop: async () => {
      stopping.abort()
      await Promise.all(loops)
      await dispatcher.close()
    },
  }
}

/** Two routes that show a marker, of which the second goes where it is told. */
function revisionText(marker: string, second = 'good'): string {
  const filters = `filters: [{ setHeaders: { response: { x-marker: ${marker} } } }]`
  return `routes:\n  - { name: a, match: { path: /a }, ${filters}, to: good }\n  - { name: b, match: { path: /b }, ${filters}, to: ${second} }\n`
}

async function startServices(): Promise<{ readonly instances: readonly TestInstance[]; readonly config: string }> {
  const good = await startInstance('good')
  const bad = await startInstance('bad', (_, response) => void response.writeHead(500).end('no'))
  const upstreams = [good, bad].map(({ name, port }) => `  ${name}: { instances: ["127.0.0.1:${port}"] }\n`)
  return { instances: [good, bad], config: `upstreams:\n${upstreams.join('')}log: { level: warn, access: false }\n` }
}

/** Calls commands at one gateway. */
function commandsAt(adminAddress: string, folder: string) {
  const run = (...args: string[]): Promise<Ran> => meshgate(...args, '--admin', adminAddress)
  return {
    run,
    apply: async (text: string, ...args: string[]): Promise<Ran> => {
      const file = join(folder, 'applied.yaml')
      await writeFile(file, text)
      return run('apply', file, '--yes', ...args)
    },
    view: async (): Promise<FleetView> => JSON.parse((await run('history', '--json')).out) as FleetView,
  }
}

const staged = ['--staged', '--watch-for', '1s', '--min-requests', '20']

for (const kind of bareRegistries) {
  describe(`a staged rollout on ${kind.name}`, { skip: kind.skip }, () => {
    let registry: BareRegistry
    let folder: string
    let services: Awaited<ReturnType<typeof startServices>>
    const gateways: AppHere[] = []
    let traffic: Watch
    let commands: ReturnType<typeof commandsAt>
    before(async () => {
      registry = await kind.start()
      folder = await mkdtemp(join(tmpdir(), 'meshgate-staged-'))
      services = await startServices()
      for (let at = 0; at < 3; at++) gateways.push(await startAppHere(registry.address, services.config))
      commands = commandsAt(gateways[2]?.adminAddress ?? '', folder)
      const { code, err } = await commands.apply(revisionText('first'))
      assert.equal(code, 0, err)
      assert.equal((await commands.run('rollout')).code, 0)
      traffic = watchTraffic(
        gateways.map(({ web }) => web),
        ['/a', '/b'],
      )
    })
    after(async () => {
      await traffic?.stop()
      for (const gateway of gateways) await gateway.stop()
      for (const instance of services?.instances ?? []) await instance.kill()
      await registry.stop()
      await rm(folder, { recursive: true, force: true })
    })

    /** Which gateways have ever answered by a revision. */
    const whoShowed = (marker: string): readonly number[] => traffic.seen.flatMap((seen, at) => (seen.has(marker) ? [at] : []))
    const indexOf = (replica: string | undefined): number => gateways.findIndex(({ port }) => replica?.endsWith(`-${port}`))

    it('goes on by itself when the replicas that try the revision do no worse', async () => {
      const applied = await commands.apply(
        revisionText('good'),
        ...staged,
        '--share',
        '60%',
        '--reason',
        'nicer',
        '--author',
        'ann',
      )
      assert.equal(applied.code, 0, applied.err)
      assert.match(
        applied.out,
        /^meshgate-\S+, meshgate-\S+ try revision \w{12} first, for 1s and 20 requests or more \(move 2\)/m,
      )
      const trial = (await commands.view()).trial
      assert.equal(trial?.replicas.length, 2)
      const { code, out } = await commands.run('rollout')
      assert.equal(code, 0, out)
      assert.match(out, /^move 3 \(promote by meshgate\): \w{12}: 2 replicas served \d+ requests by it in 1s or more, no worse/m)
      assert.match(out, /all 3 replicas run \w{12}/)
      await until('all show it', () => whoShowed('good').length === 3)
      const { moves, revision } = await commands.view()
      assert.deepEqual(
        moves.slice(0, 2).map(({ kind, author, revision: of }) => [kind, author, of === revision]),
        [
          ['promote', 'meshgate', true],
          ['trial', 'ann', true],
        ],
      )
    })

    it('takes a revision with 500s on one route back, unattended, and only those that tried it have ever served it', async (t) => {
      const before = await commands.view()
      const startedAt = performance.now()
      assert.equal((await commands.apply(revisionText('bad', 'bad'), ...staged)).code, 0)
      const trying = (await commands.view()).trial?.replicas ?? []
      const { code, out } = await commands.run('rollout')
      const tookMs = Math.round(performance.now() - startedAt)
      assert.equal(code, 1, out)
      // One that began by the revision before may have ended by this one.
      assert.match(out, /\w{12} was taken back: route b: \d+ of \d+ requests failed, 0 of \d+ at the others, 0 of \d+ before/)
      assert.ok(tookMs < 30_000, `it took ${tookMs} ms`)
      t.diagnostic(`undone ${tookMs} ms after it was applied`)
      const { revision, trial, moves, replicas } = await commands.view()
      assert.deepEqual([revision, trial, moves[0]?.kind, moves[0]?.author], [before.revision, null, 'undo', 'meshgate'])
      assert.ok(replicas.every(({ isThere }) => isThere))
      assert.equal(trying.length, 1)
      assert.deepEqual(whoShowed('bad'), [indexOf(trying[0])])
      const [bad] = traffic.seen.flatMap((seen) => seen.get('bad') ?? [])
      assert.ok(bad && bad.failures >= 5)
      for (const seen of traffic.seen)
        for (const [marker, { failures }] of seen)
          assert.equal(marker === 'bad' || failures === 0, true, `${failures} failed at ${marker}`)
      assert.match((await commands.run('history')).out, /undo +\w{12} +\S+ +meshgate +route b: /)
      const pages = await Promise.all(
        gateways.map(async ({ adminAddress }) => (await fetch(`http://${adminAddress}/metrics`)).text()),
      )
      assert.equal(pages.filter((page) => page.includes('meshgate_config_trials_ended_total{end="undo"} 1')).length, 1)
    })

    it('ends at once when a replica cannot run the revision, or a person goes on', async () => {
      const [first] = (await commands.view()).replicas
      const chosen = gateways[indexOf(first?.replica)] as AppHere
      await chosen.rewrite(`${services.config}routes: [{ name: own, match: { path: /c }, to: good }]\n`)
      const text = `${revisionText('refused')}  - { name: c, match: { path: /c }, to: good }\n`
      // Asked of a gateway whose file has room for it.
      const other = commandsAt(gateways.find((gateway) => gateway !== chosen)?.adminAddress ?? '', folder)
      const refused = await other.apply(text, '--staged', '--watch-for', '1m')
      assert.equal(refused.code, 0, refused.err)
      const rollout = await other.run('rollout')
      assert.match(rollout.out, /was taken back: meshgate-\S+ cannot run it: .*c/)
      assert.deepEqual(whoShowed('refused'), [])
      await chosen.rewrite(services.config)
      assert.equal((await other.apply(revisionText('slow'), '--staged', '--watch-for', '1m')).code, 0)
      await until('it is tried', async () => whoShowed('slow').length > 0)
      assert.equal((await chosen.ask<ConfigStatus>('/config')).trial?.watchMs, 60_000)
      assert.match(
        await fetch(`http://${chosen.adminAddress}/metrics`).then((answer) => answer.text()),
        /^meshgate_config_trial 1$/m,
      )
      const preview = await other.apply(revisionText('last'))
      assert.match(preview.out, /warning: meshgate-\S+ tries revision \w{12} \(move \d+\), which this would end/)
      assert.equal((await other.run('rollout')).code, 0)
      await until('all show it', () => whoShowed('last').length === 3)
      assert.equal(whoShowed('slow').length, 1)
    })

    it('is ended by a rollback, which leaves all where the others are', async () => {
      const { revision } = await commands.view()
      assert.equal((await commands.apply(revisionText('again'), '--staged', '--watch-for', '1m')).code, 0)
      assert.equal((await commands.run('rollback', '--yes')).code, 0)
      assert.equal((await commands.run('rollout')).code, 0)
      const now = await commands.view()
      assert.deepEqual([now.revision, now.trial, now.moves[0]?.kind], [revision, null, 'rollback'])
    })

    it('goes on when its leader leaves, with the next one; when that has tried it, it is taken back', async () => {
      const { leader } = await (gateways[2] as AppHere).ask<TasksView>('/tasks')
      const leading = gateways[indexOf(leader?.name)] as AppHere
      const other = gateways.find((gateway) => gateway !== leading) as AppHere
      const { apply, run, view } = commandsAt(other.adminAddress, folder)
      const applied = await apply(revisionText('led'), '--staged', '--watch-for', '2s', '--min-requests', '20')
      assert.equal(applied.code, 0, applied.err)
      const hasTried = indexOf((await view()).trial?.replicas[0]) === gateways.indexOf(leading)
      gateways.splice(gateways.indexOf(leading), 1)
      await leading.stop()
      const { code, out } = await run('rollout')
      assert.equal(code, hasTried ? 1 : 0, out)
      const [move] = (await view()).moves
      if (hasTried) assert.match(move?.reason ?? '', /, which tried it, is gone$/)
      else assert.equal(move?.kind, 'promote')
      commands = { run, apply, view }
    })

    it('is refused with the reason if it is asked for wrongly', async () => {
      const cases: readonly (readonly [readonly string[], RegExp])[] = [
        [['--share', '2'], /--share goes with --staged/],
        [['--staged', '--share', 'all'], /"staged\.share": write a number of replicas, as in 2, or a share of them, as in 20%/],
        [['--staged', '--watch-for', '10'], /--watch-for 10: write a duration with its unit/],
        [['--staged', '--min-requests', 'some'], /--min-requests some: write a number/],
        [
          ['--staged', '--deadline', '5s'],
          /the deadline \(--deadline\) has to be later than the end of the watch \(--watch-for\)/,
        ],
        [['--staged', '--watch-for', '500ms'], /watch for 1s to 24h \(--watch-for\)/],
      ]
      for (const [args, message] of cases) {
        const { code, err } = await commands.apply(revisionText('wrong'), ...args)
        assert.deepEqual([code, message.test(err)], [2, true], err)
      }
    })
  })
}

it('a gateway that is alone, with workers, holds a revision against what was before it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'meshgate-alone-'))
  const { instances, config } = await startServices()
  const registry = '{ embedded: { http: "127.0.0.1:0", dns: off, data: "{folder}/data" } }'
  const gateway = await startGatewayProcess({ registry, config: `${config}workers: 2\n` })
  const traffic = watchTraffic([gateway.web, gateway.web], ['/a', '/b'])
  try {
    const { apply, run } = commandsAt(gateway.adminAddress, folder)
    assert.equal((await apply(revisionText('first'))).code, 0)
    await until('enough is known of before', () => (traffic.seen[0]?.get('first')?.answers ?? 0) > 40)
    assert.equal((await apply(revisionText('bad', 'bad'), ...staged)).code, 0)
    const { code, out } = await run('rollout')
    assert.equal(code, 1, out)
    assert.match(out, /was taken back: route b: \d+ of \d+ requests failed, \d+ of \d+ before/)
  } finally {
    await traffic.stop()
    await gateway.stop()
    for (const instance of instances) await instance.kill()
    await rm(folder, { recursive: true, force: true })
  }
})
