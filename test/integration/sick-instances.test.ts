import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { it } from 'node:test'
import type { UpstreamView } from '../../src/admin/upstreams-view.ts'
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts'
import { startLoad } from '../support/load.ts'
import { freePorts } from '../support/meshgate-process.ts'
import { sicknesses, startSickInstance, type SickInstance, type Sickness } from '../support/sick-instance.ts'
import { until } from '../support/until.ts'

// `npm run soak` lets each of ten instances suffer from each; the short form lets one of four.
const isLong = Boolean(process.env['MESHGATE_SOAK'])
const size = isLong ? 10 : 4

const policy = `
defaults:
  health: { http: /healthz, every: 1s, timeout: 500ms }
  timeouts: { connect: 300ms, response: 10s, try: 500ms }
  retry: { attempts: 4, on: [connect, reset, timeout], hold: 64KiB, backoff: 5ms }
  outlier: { consecutive: 3, eject: 1s }
routes: ["/* -> app"]
`

interface Times {
  readonly outMs: number
  readonly backMs: number
}

it(`no idempotent request fails while each of ${isLong ? size : 'some'} instances is killed, stopped, resets, answers half or slowly`, async () => {
  const instances = await Promise.all(Array.from({ length: size }, startSickInstance))
  const addresses = instances.map(({ port }) => `"127.0.0.1:${port}"`).join(', ')
  const [http] = await freePorts(1)
  const gateway = await startGatewayProcess({
    registry: `{ embedded: { http: "127.0.0.1:${http}", dns: off, data: "{folder}/data" } }`,
    config: `${policy}upstreams: { app: { instances: [${addresses}] } }\nlog: { level: warn, access: false }\n`,
  })
  try {
    await until('all get traffic', async () => (await excluded(gateway)).length === 0)
    const load = startLoad(`${gateway.web}/`, 6)
    const times = new Map<Sickness, Times[]>()
    for (const sickness of sicknesses) {
      const patients = isLong ? instances : instances.slice(0, 1)
      for (const patient of patients)
        times.set(sickness, [...(times.get(sickness) ?? []), await suffer(gateway, patient, sickness)])
    }
    const { sent, failed, failures } = await load.stop()
    assert.equal(failed, 0, `${failed} of ${sent} requests failed: ${failures.join('\n')}`)
    const table = tableOf(times, sent)
    console.log(table)
    if (isLong && process.env['MESHGATE_TABLE']) await writeFile(process.env['MESHGATE_TABLE'], table)
  } finally {
    await gateway.stop()
    for (const instance of instances) await instance.kill()
  }
})

/** How long it takes until the instance gets no traffic, and, once it is well, until it gets some again. */
async function suffer(gateway: GatewayProcess, patient: SickInstance, sickness: Sickness): Promise<Times> {
  const isOut = async (): Promise<boolean> => (await excluded(gateway)).includes(`127.0.0.1:${patient.port}`)
  const since = performance.now()
  patient.fallIll(sickness)
  await until(`the instance that suffers from ${sickness} is out`, isOut)
  const outMs = performance.now() - since
  // Long enough for its probes to be the judge.
  await new Promise((resolve) => setTimeout(resolve, 2_500))
  await patient.recover(sickness)
  const wellSince = performance.now()
  await until('it is back', async () => !(await isOut()))
  return { outMs, backMs: performance.now() - wellSince }
}

async function excluded(gateway: GatewayProcess): Promise<readonly string[]> {
  const [app] = await gateway.ask<readonly UpstreamView[]>('/upstreams')
  return app ? app.instances.filter(({ eligible }) => !eligible).map(({ address }) => address) : ['none']
}

function tableOf(times: ReadonlyMap<Sickness, readonly Times[]>, sent: number): string {
  const rows = [...times].map(([sickness, all]) => {
    const [out, back] = [all.map(({ outMs }) => outMs), all.map(({ backMs }) => backMs)]
    return `| ${sickness} | ${all.length} | ${shown(out)} | ${shown(back)} |`
  })
  const head = ['| fault | times | out after | back after |', '| --- | --- | --- | --- |']
  return `${[...head, ...rows].join('\n')}\n\n${sent} requests, 0 failed\n`
}

/** The median, and from where to where. */
function shown(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b)
  return `${Math.round(sorted[sorted.length >> 1] ?? 0)} ms (${Math.round(sorted[0] ?? 0)} to ${Math.round(sorted.at(-1) ?? 0)})`
}
