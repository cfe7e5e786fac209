import { proxyErrorOf } from '../src/dataplane/proxy-status.ts'
import { errorTable, type ErrorCode } from '../src/errors.ts'

const head = `# Errors

Generated from \`src/errors.ts\` by \`npm run generate\`: do not edit it here.

A code is a public contract and is never renamed; its text may change. The access log, the admin API and the log carry the details.
`

const advice: Partial<Record<ErrorCode, string>> = {
  bad_request: 'The client sends something that is not HTTP; often it speaks TLS to a plain port.',
  ambiguous_framing:
    'Refused because a proxy behind might cut the body at another place (request smuggling). Look at what sent it.',
  bad_target: 'Escapes or characters that no path may have, or `*` with another method than OPTIONS.',
  bad_host:
    'HTTP/1.1 needs exactly one Host field. HTTP/1.0 may leave it out: it is then the address and port that the connection came to. A request with an absolute target has to name the same host and port in both places.',
  header_too_large: 'Raise `listeners.NAME.limits.head` or `headers`, or find out what makes the cookies grow.',
  request_timeout:
    'Raise `listeners.NAME.limits.headTimeout` or `requestTimeout`, or lower `bodyRate`, if clients are slow for a reason.',
  no_route: '`GET /routes` of the admin API lists what is taken.',
  not_a_mesh_service:
    'The mesh serves services of the registry and declared upstreams only, never addresses. Register the service, or correct the name.',
  service_unknown: 'Nothing of that name is registered: the message names what is near, `GET /upstreams` what is called.',
  port_not_registered: 'A port in the name chooses instances that have registered it. Leave it out (or 80) for any instance.',
  mesh_denied:
    'The message names caller, callee and rule: `mesh.rules`, `mesh.default`. A caller that nobody knows sends no token.',
  mesh_token_required:
    'What `mesh_denied` is to a client that takes us for a proxy and has told no token: some programs (.NET, Java) send the password of `http_proxy` only when they are asked for it.',
  mesh_token_invalid: 'The token is none of `mesh.callers`. A call without any token is one of nobody, and not refused for that.',
  mesh_full: 'Raise `mesh.maxServices`, or find out who calls so many different services.',
  loop_detected:
    'Its `Via` has our mark for the same service: some instance of it is a gateway that calls the service by its name.',
  unauthorized:
    'Send credentials as `WWW-Authenticate` of the answer says; the log at level debug says what was wrong with those sent.',
  forbidden: 'Refused by `ipAllow`, `ipDeny` or `forwardAuth` of the route. Behind a proxy: is it in `listeners.NAME.trust`?',
  body_too_large: 'Raise `bodyLimit` of the route.',
  rate_limited: 'Wait as long as `Retry-After` says, or raise `rateLimit` of the route.',
  auth_unavailable:
    'Who checks credentials (`forwardAuth`, the key set of `jwt`) does not answer, or too many checks are under way.',
  fault_injected: 'Take `faultInjection` out of the route when the experiment is over.',
  no_instance: 'Nothing is registered under that name: `GET /upstreams`.',
  no_healthy_instance: 'Instances are registered, none may get traffic: `GET /upstreams` says why for each.',
  upstream_unknown: 'The registry has not answered since the start: look at `/readyz`.',
  upstream_overloaded: 'Add instances, or raise `maxConnections`, `maxQueued` or `concurrency` of the upstream.',
  circuit_open: 'Its `breaker` is open: `GET /upstreams` says why and for how long. Look at what the service fails with.',
  upstream_connect_failed: 'No instance took the connection. Their probes decide within seconds whether they stay.',
  upstream_connect_timeout:
    'The instance, or something on the way, drops packets, or it accepts too slowly: raise `timeouts.connect` only for far networks.',
  upstream_reset: 'The instance closed the connection before its answer was complete: look at its log.',
  upstream_protocol: 'The instance does not speak HTTP/1.1 properly, or another protocol.',
  upstream_timeout: 'Raise `timeouts.response`, or find out what the instance waits for.',
  deadline_exceeded:
    'Raise `timeouts.total`, or look at what the caller sends as its deadline (`deadline`). No instance is blamed.',
  draining: 'The gateway is shutting down: the load balancer in front should have left it by now, see `shutdown.grace`.',
  internal: 'A bug of meshgate: please report it with the request id and the log.',
  client_gone: 'Only in the access log.',
  client_stalled:
    'Only in the access log: the client read nothing for the idle time. Raise `timeouts.idle` for clients that pause on purpose.',
  revision_conflict: 'Look at the difference again (`meshgate diff`, `meshgate history`), then apply again.',
  config_invalid: 'The message has file, line, column, path and what to write instead.',
  config_unreadable: 'Check the path and the permissions of the file.',
  workers_unsupported: 'Write workers: 1, or run Node 26.4 or later on Linux.',
  worker_failed: 'The log of the worker says why; GET /workers tells which ones serve.',
  port_in_use: 'Stop the other process or choose another port.',
  bind_failed: 'The message says which right or interface is missing.',
  data_locked: 'Another process has the data folder: one registry per folder.',
  data_unusable: 'The folder cannot be written, or a newer version wrote it.',
  registry_unavailable: 'The last good instances go on serving; the age is in `/readyz` and `/upstreams`.',
  registry_refused: 'Often the ACL token: `registry.consul.token`.',
  lock_busy: 'Wait longer, or look who holds it: the message says who.',
  too_many_watches: 'End locks, candidacies and KV watches that are not needed, or watch a prefix instead of many keys.',
  mesh_closed: 'Close the mesh after all that uses it.',
  usage: '`meshgate --help` lists the commands.',
  config_changed: 'The gateway was given another config while a command asked it about many things: run the command again.',
  file_unusable: 'The message says which file, and why: is it what the command reads or writes?',
  admin_unreachable: 'Is the gateway running, and is `--admin` its `admin.bind`?',
}

const proxyErrors: Partial<Record<ErrorCode, string>> = proxyErrorOf

/** docs/errors.md: every code with its status and what to do. */
export function errorsPage(): string {
  const codes = Object.keys(errorTable) as ErrorCode[]
  const replies = codes.filter((code) => errorTable[code].status !== null)
  const others = codes.filter((code) => errorTable[code].status === null)
  const replyRows = replies.map(
    (code) =>
      `| \`${code}\` | ${errorTable[code].status} | \`${proxyErrors[code] ?? ''}\` | ${errorTable[code].sentence} | ${advice[code] ?? ''} |`,
  )
  const otherRows = others.map((code) => `| \`${code}\` | ${errorTable[code].sentence} | ${advice[code] ?? ''} |`)
  return [
    head,
    '## In replies\n',
    'The body of a reply of the gateway itself has the code, the sentence and the request id, and never an address. The same code stands in the',
    'access log (`code`, with its `reason`), in `meshgate_request_errors_total{code}`, in `unavailable` of `GET /upstreams`, and, where',
    '`listeners.NAME.proxyStatus` says so, in `Proxy-Status` beside the error type of RFC 9209 that is nearest.\n',
    '| code | status | `Proxy-Status` | sentence | what to do |\n| --- | --- | --- | --- | --- |',
    replyRows.join('\n'),
    '\n## In logs, in the admin API and on the command line\n',
    '| code | sentence | what to do |\n| --- | --- | --- |',
    otherRows.join('\n'),
    '',
  ].join('\n')
}
