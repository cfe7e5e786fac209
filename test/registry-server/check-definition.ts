import type { CheckDefinition } from '../../src/registry-server/store/rows.ts'

/** A check of no kind in particular, to be spread and overridden. */
export const checkDefinition: CheckDefinition = {
  id: 'c',
  kind: 'tcp',
  target: '',
  method: 'GET',
  header: {},
  body: '',
  tlsSkipVerify: false,
  intervalMs: 1000,
  timeoutMs: 1000,
  ttlMs: 0,
  successBeforePassing: 0,
  failuresBeforeCritical: 0,
  outputMaxBytes: 4096,
  deregisterAfterMs: 0,
}
