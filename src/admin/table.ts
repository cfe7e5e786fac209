import type { ConfigStatus } from '../controlplane/config-status.ts'
import type { Readiness } from '../controlplane/readiness.ts'
import type { UpstreamTable } from '../controlplane/upstream-table.ts'
import { messageOf } from '../errors.ts'
import type { Gateway } from '../dataplane/gateway.ts'
import type { Metrics } from '../metrics.ts'
import type { Workers, WorkerView } from '../workers/workers.ts'
import { routesView } from './routes-view.ts'
import { upstreamsView } from './upstreams-view.ts'

/** What the admin API tells about; it only reads, but for `reload`. */
export interface AdminSubject {
  readonly gateway: Gateway
  readonly upstreams: UpstreamTable
  readonly readiness: Readiness
  readonly metrics: Metrics
  readonly configStatus: () => ConfigStatus
  readonly tasks: () => unknown
  /** Null: this process serves alone. */
  readonly workers: Workers | null
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
  answer(subject: AdminSubject): AdminAnswer | Promise<AdminAnswer>
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
    answer: ({ upstreams }) => ok(upstreamsView(upstreams)),
  },
  {
    method: 'GET',
    path: '/tasks',
    tells: 'who leads, each task with its next fire and last run',
    answer: ({ tasks }) => ok(tasks()),
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

async function reload({ reload: readAgain, configStatus }: AdminSubject): Promise<AdminAnswer> {
  await readAgain()
  const status = configStatus()
  return { status: status.file.state === 'applied' ? 200 : 422, json: status }
}
