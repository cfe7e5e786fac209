import type { Row, Step } from './recording.ts'

export interface Difference {
  readonly reason: string
  /** What the embedded registry answers in place of what was recorded. */
  readonly instead: Partial<Pick<Row, 'response' | 'volatile' | 'observedMs'>>
  /** Takes back what the real Consul would not have done. */
  readonly after?: Step
}

/** Where the embedded registry means to answer other than Consul 1.8.7 did. Everything else has to be the same. */
export const differences: Readonly<Record<string, Difference>> = {
  'svc-register-check-newer-fields': {
    reason: 'fields that clients of later versions send are taken, so that those clients work; 1.8.7 refuses them as unknown',
    instead: { response: { status: 200, headers: { vary: 'Accept-Encoding' }, body: '' } },
    after: { method: 'PUT', path: '/v1/agent/service/deregister/cid' },
  },
  'blk-missing-neighbour-write': {
    reason: 'in 1.8.7 a write beside an absent key wakes who waits for that key: a cost without a use, so here it waits on',
    instead: { observedMs: 2000 },
  },
  'operator-autopilot-health': {
    reason:
      'a server of Consul is unhealthy for its first seconds, in which this was recorded; the embedded registry starts healthy',
    instead: {
      response: { status: 200, headers: { 'content-type': 'application/json', vary: 'Accept-Encoding' }, body: '' },
      volatile: ['body'],
    },
  },
}

/** Rows whose answer depends on how long the real server has run when they are played. */
export const unstableOnConsul: Readonly<Record<string, string>> = {
  'operator-autopilot-health': 'healthy or not yet: 200 or 429',
  'blk-missing-neighbour-write':
    'whether the absent key shares a branch of the index with the written one depends on the keys beside them',
  'coordinate-nodes': "the server's own coordinate appears some seconds after its start",
}
