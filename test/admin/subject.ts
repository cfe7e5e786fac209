import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startAdmin } from '../../src/admin/server.ts'
import { gatewayMetricSources } from '../../src/admin/metric-sources.ts'
import type { AdminSubject } from '../../src/admin/table.ts'
import { systemClock, systemRandom } from '../../src/clock.ts'
import { explain } from '../../src/controlplane/explain/explain.ts'
import { answerVerdicts, type VerdictQuestion } from '../../src/controlplane/simulation/sides.ts'
import type { Question } from '../../src/dataplane/question.ts'
import { Readiness } from '../../src/controlplane/readiness.ts'
import { TaskStats } from '../../src/controlplane/tasks/task-stats.ts'
import { watchConfigFile } from '../../src/controlplane/sources/file-source.ts'
import { Edges } from '../../src/dataplane/mesh/edges.ts'
import { Metrics } from '../../src/metrics.ts'
import { Workers } from '../../src/workers/workers.ts'
import { fileDocument, fileText, handRegistry, startControlPlane } from '../controlplane/control-plane.ts'

const drains = { drain: async () => {}, undrain: async () => {}, view: async () => [] }
const impact = { routes: 0, webSockets: 0, webSocketsClosing: 0 }
const revisions: AdminSubject['revisions'] = {
  preview: async () => ({ revision: null, base: 0, isCurrent: true, trial: null, changes: [], impact, warnings: [] }),
  apply: async () => ({ revision: null, number: 0, isNew: false, trial: null }),
  view: async () => ({ revision: null, number: 0, trial: null, isDamaged: false, moves: [], replicas: [] }),
}
const leader = { name: 'a', pid: 1, term: '1' }
const run = {
  fireTime: '',
  by: 'a',
  term: '1',
  ok: true,
  detail: '',
  durationMs: 1,
  cause: 'request',
  since: null,
  attempts: [],
} as const

/** Does whatever it is told, which is nothing. */
export const idleDesk: AdminSubject['tasks']['desk'] = {
  ask: async (task) => ({ task, fireTime: '', leader }),
  run: async () => run,
  withdraw: async () => run,
  plan: async (task) => ({ task, kind: 'call', would: 'do nothing', next: [], leader }),
}
const tasks = { view: () => ({ leader: null, isLeader: false, tasks: [] }), desk: idleDesk, stats: new TaskStats() }

/** An admin API over a control plane whose sources a test plays. The caller closes it. */
export async function startAdminUnderTest(file: string, changes: Partial<AdminSubject> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'meshgate-admin-'))
  const configFile = join(folder, 'gateway.yaml')
  await writeFile(configFile, fileText(file))
  const registry = handRegistry()
  const plane = startControlPlane(file, { registry })
  const { gateway, upstreams, reconciler, log } = plane
  const standing = { ageMs: 0, lastError: null, stale: false, fromDisk: false }
  const readiness = new Readiness({
    standing: () => standing,
    generation: () => reconciler.generation,
    kv: () => 'known',
    hasRoutes: () => true,
    unsettled: () => [],
  })
  const source = watchConfigFile({
    file: configFile,
    text: fileText(file),
    clock: systemClock,
    onText: (text) => reconciler.setFileText(text),
    onUnreadable: (why) => reconciler.setFileUnreadable(why),
  })
  const metrics = new Metrics()
  const revision = { number: 0, wanted: null, running: null, problem: null }
  const configStatus = () => ({ ...reconciler.status(), revision, trial: null })
  // None of them is started.
  const { cold } = fileDocument(file)
  const options = { count: 2, cold, relay: () => {}, clock: systemClock, random: systemRandom, logger: log.logger }
  const workers = new Workers(options)
  const mesh = { edges: new Edges() }
  for (const metric of gatewayMetricSources({
    gateway,
    mesh,
    upstreams,
    readiness,
    configStatus,
    workers,
    quotas: { view: () => [] },
    trials: { ended: { promote: 0, undo: 0 } },
    tasks,
  }))
    metrics.add(metric)
  const explained = () => ({
    snapshot: gateway.snapshot,
    hot: reconciler.hot,
    layers: reconciler.layers,
    revision: null,
    trust: [],
  })
  const subject = {
    gateway,
    mesh,
    upstreams,
    readiness,
    metrics,
    configStatus,
    tasks,
    workers,
    drains,
    revisions,
    explain: (question: Question) => explain(explained(), question, systemRandom),
    verdicts: (question: VerdictQuestion) => answerVerdicts(explained(), question),
    reload: () => source.reload(),
    ...changes,
  }
  const admin = await startAdmin({ host: '127.0.0.1', port: 0 }, subject, log.logger)
  return {
    port: admin.address.port,
    /** `http://127.0.0.1:port` */
    url: `http://127.0.0.1:${admin.address.port}`,
    plane,
    edges: mesh.edges,
    registry,
    readiness,
    configFile,
    close: async () => {
      await admin.close()
      source.close()
      await plane.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
