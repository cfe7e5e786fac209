import type { ConfigStatus } from '../controlplane/config-status.ts'
import type { DrainDesk } from '../controlplane/draining/drain-desk.ts'
import { parseInstanceText, type InstanceName } from '../discovery/draining/drain-key.ts'
import type { RevisionDesk } from '../controlplane/revisions/revision-desk.ts'
import type { Explanation } from '../controlplane/explain/explanation.ts'
import type { VerdictAnswer, VerdictQuestion } from '../controlplane/simulation/sides.ts'
import type { Question } from '../dataplane/question.ts'
import type { Readiness } from '../controlplane/readiness.ts'
import type { UpstreamTable } from '../discovery/upstream-table.ts'
import type { Gateway } from '../dataplane/gateway.ts'
import type { Mesh } from '../dataplane/mesh/mesh.ts'
import { GatewayError, messageOf } from '../errors.ts'
import type { TaskDesk } from '../controlplane/tasks/task-desk.ts'
import type { Metrics } from '../metrics.ts'
import type { WorkerView } from '../workers/worker-view.ts'
import type { Workers } from '../workers/workers.ts'
import { askForRun, outcomeOfRun, planRun, withdrawRun } from './task-orders.ts'
import { VERDICT_BODY_BYTES, verdictQuestionIn } from './verdicts.ts'
import { applyRevision, previewRevision, REVISION_BODY_BYTES } from './revisions.ts'
import { graphView } from './graph-view.ts'
import { routesView } from './routes-view.ts'
import { upstreamsView } from './upstreams-view.ts'

/** What the admin API tells about; it only reads, but for `reload`, `drains`, `revisions` and `tasks`. */
export interface AdminSubject {
  readonly gateway: Gateway
  readonly mesh: Pick<Mesh, 'edges'>
  readonly upstreams: UpstreamTable
  readonly readiness: Readiness
  readonly metrics: Metrics
  readonly configStatus: () => ConfigStatus
  readonly tasks: { view(): unknown; readonly desk: Pick<TaskDesk, 'ask' | 'run' | 'withdraw' | 'plan'> }
  /** Null: this process serves alone. */
  readonly workers: Workers | null
  /** Why a request goes where it goes. Throws `usage`. */
  readonly explain: (question: Question) => Explanation
  /** What becomes of logged requests, and what the routes do. */
  readonly verdicts: (question: VerdictQuestion) => VerdictAnswer
  readonly drains: Pick<DrainDesk, 'drain' | 'undrain' | 'view'>
  readonly revisions: Pick<RevisionDesk, 'preview' | 'apply' | 'view'>
  /** Reads the config file again, as SIGHUP does. */
  readonly reload: () => Promise<void>
}

/** Either `json` or `text` is the body. */
export interface AdminAnswer {
  readonly status: number
  readonly json?: unknown
  readonly text?: string
  readonly headers?: Readonly<Record<string, string>>
}

export interface AdminEndpoint {
  readonly method: 'GET' | 'POST'
  readonly path: string
  /** For the index page. */
  readonly tells: string
  /** Of a body in JSON; absent: it takes none. */
  readonly maxBodyBytes?: number
  /** Throws `usage`, `not_found` and what its subject throws. */
  answer(subject: AdminSubject, query: URLSearchParams, body: unknown): AdminAnswer | Promise<AdminAnswer>
}

const ok = (json: unknown): AdminAnswer => ({ status: 200, json })

/** The admin API: one line per endpoint. */
export const adminTable: readonly AdminEndpoint[] = [
  {
    method: 'GET',
    path: '/',
    tells: 'this list',
    answer: () => ok(adminTable.map(({ method, path, tells }) => ({ method, path, tells }))),
  },
  { method: 'GET', path: '/livez', tells: 'whether the process answers', answer: () => ok({ alive: true }) },
  { method: 'GET', path: '/readyz', tells: 'whether traffic should come here, and why not; 503 if not', answer: readyz },
  { method: 'GET', path: '/metrics', tells: 'Prometheus text', answer: metrics },
  {
    method: 'GET',
    path: '/config',
    tells: 'what is applied, what was refused and why',
    answer: ({ configStatus, workers }) => ok({ ...configStatus(), workers: (workers?.view() ?? []).map(generationOf) }),
  },
  { method: 'GET', path: '/routes', tells: 'the routes that serve', answer: ({ gateway }) => ok(routesView(gateway.snapshot)) },
  {
    method: 'GET',
    path: '/upstreams',
    tells: 'each instance with its state and the reason',
    answer: async ({ upstreams, workers }) => {
      await workers?.refresh()
      return ok(upstreamsView(upstreams, workers))
    },
  },
  {
    method: 'GET',
    path: '/graph',
    tells: 'who calls whom by name, how often, and how it goes',
    answer: async ({ mesh, workers }) => {
      const own = mesh.edges.metricSources()
      await workers?.refresh()
      return ok(graphView(workers?.merge(own) ?? own))
    },
  },
  {
    method: 'GET',
    path: '/tasks',
    tells: 'who leads, each task with its next fire and last run',
    answer: ({ tasks }) => ok(tasks.view()),
  },
  {
    method: 'GET',
    path: '/tasks/plan',
    tells: 'what a run of ?task=NAME would do now, and its next fires',
    answer: async ({ tasks }, query) => ok(await planRun(tasks.desk, query)),
  },
  {
    method: 'POST',
    path: '/tasks/run',
    tells: 'has the leader run ?task=NAME now; tells the planned time by which the run is known',
    answer: async ({ tasks }, query) => ok(await askForRun(tasks.desk, query)),
  },
  {
    method: 'GET',
    path: '/tasks/outcome',
    tells: 'how a run does: ?task=NAME&fire=2026-11-23T03:00:00Z',
    answer: async ({ tasks }, query) => ok(await outcomeOfRun(tasks.desk, query)),
  },
  {
    method: 'POST',
    path: '/tasks/withdraw',
    tells: 'takes an order back that no leader has taken yet: ?task=NAME&fire=2026-11-23T03:00:00Z',
    answer: async ({ tasks }, query) => ok(await withdrawRun(tasks.desk, query)),
  },
  {
    method: 'GET',
    path: '/workers',
    tells: 'the processes that serve; none: this one does',
    answer: async ({ workers }) => {
      await workers?.refresh()
      return ok(workers?.view() ?? [])
    },
  },
  {
    method: 'POST',
    path: '/workers/replace',
    tells: 'replaces the workers one by one, without losing a request',
    answer: replace,
  },
  {
    method: 'GET',
    path: '/explain',
    tells: 'why a request goes where it goes: ?url=http://HOST/PATH&method=GET&header=NAME:VALUE&client=IP',
    answer: ({ explain }, query) => ok(explain(questionIn(query))),
  },
  {
    method: 'POST',
    path: '/explain/requests',
    tells: 'what becomes of up to 200 logged requests: { "requests": [{ "method", "host", "path" }], "routes": [NAME], "salt" }',
    maxBodyBytes: VERDICT_BODY_BYTES,
    answer: ({ verdicts }, _, body) => ok(verdicts(verdictQuestionIn(body))),
  },
  {
    method: 'GET',
    path: '/drains',
    tells: 'instances that leave, and what each replica still has under way there',
    answer: async ({ drains }) => ok(await drains.view()),
  },
  { method: 'POST', path: '/drain', tells: 'takes ?instance=SERVICE/ID out of the traffic of all replicas', answer: drain },
  { method: 'POST', path: '/undrain', tells: 'puts ?instance=SERVICE/ID back', answer: undrain },
  {
    method: 'GET',
    path: '/revisions',
    tells: 'the revision in force, how it came to that, and what each replica runs',
    answer: async ({ revisions }) => ok(await revisions.view()),
  },
  {
    method: 'POST',
    path: '/revisions/preview',
    tells: 'what a revision would change: { "files": [{ "name", "text" }] } or { "revision" }',
    maxBodyBytes: REVISION_BODY_BYTES,
    answer: async ({ revisions }, _, body) => ok(await previewRevision(revisions, body)),
  },
  {
    method: 'POST',
    path: '/revisions/apply',
    tells: 'puts a revision in force: the same with "author", "reason", "base", and "staged": {} if some are to try it first',
    maxBodyBytes: REVISION_BODY_BYTES,
    answer: async ({ revisions }, _, body) => ok(await applyRevision(revisions, body)),
  },
  { method: 'POST', path: '/reload', tells: 'reads the config file again', answer: reload },
]

function readyz({ readiness }: AdminSubject): AdminAnswer {
  const report = readiness.report()
  return { status: report.ready ? 200 : 503, json: report }
}

async function metrics({ metrics: page, workers }: AdminSubject): Promise<AdminAnswer> {
  await workers?.refresh()
  return { status: 200, text: await page.page(), headers: { 'content-type': page.contentType } }
}

/** Of the config that each runs by. */
function generationOf({
  worker,
  pid,
  state,
  generation,
}: WorkerView): Pick<WorkerView, 'worker' | 'pid' | 'state' | 'generation'> {
  return { worker, pid, state, generation }
}

async function replace({ workers }: AdminSubject): Promise<AdminAnswer> {
  if (!workers)
    return {
      status: 409,
      json: { error: { code: 'no_workers', message: 'this process serves alone: see workers in the config' } },
    }
  try {
    await workers.replaceAll()
    return ok(workers.view())
  } catch (error) {
    return { status: 503, json: { error: { code: 'worker_failed', message: messageOf(error) } } }
  }
}

function questionIn(query: URLSearchParams): Question {
  return {
    method: query.get('method') ?? 'GET',
    url: query.get('url') ?? '',
    headers: query.getAll('header'),
    client: query.get('client') ?? '127.0.0.1',
  }
}

async function drain({ drains }: AdminSubject, query: URLSearchParams): Promise<AdminAnswer> {
  await drains.drain(instanceIn(query))
  return ok({ drained: query.get('instance') })
}

async function undrain({ drains }: AdminSubject, query: URLSearchParams): Promise<AdminAnswer> {
  await drains.undrain(instanceIn(query))
  return ok({ undrained: query.get('instance') })
}

function instanceIn(query: URLSearchParams): InstanceName {
  const instance = parseInstanceText(query.get('instance') ?? '')
  if (!instance) throw new GatewayError('usage', 'name an instance: ?instance=SERVICE/ID')
  return instance
}

async function reload({ reload: readAgain, configStatus }: AdminSubject): Promise<AdminAnswer> {
  await readAgain()
  const status = configStatus()
  return { status: status.file.state === 'applied' ? 200 : 422, json: status }
}
