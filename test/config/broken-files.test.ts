import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { filterTable } from '../../src/dataplane/filters/table.ts'
import { fileRefusals } from './sources.ts'

const folder = new URL('broken/', import.meta.url)

/** What each file of `broken/` is refused for: `line:column path: message`, and the message says what to write. */
const expected: Readonly<Record<string, readonly string[]>> = {
  'bad-address.yaml': [
    '2:16 listeners.web.bind: expected an address, found a number: write "127.0.0.1:8080", "[::1]:8080", or ":8080" for all addresses',
    '2:30 listeners.web.trust[0]: the prefix length of "10.0.0.0/33" must be 0 to 32, as in 10.0.0.0/24',
    '4:23 upstreams.shop.instances[0]: "10.0.0.5" is not an address: write host:port, as in 10.0.0.5:8080',
    '4:35 upstreams.shop.instances[1]: "10.0.0.6:99999" is not an address: write host:port, as in 10.0.0.5:8080',
    '6:22 registry.consul.address: "consul.example.com/ui" is not the address of a Consul agent: write http://127.0.0.1:8500',
  ],
  'bad-debug.yaml': [
    '3:27 listeners.web.debug.header: write a name that begins with x-, of letters, digits and -',
    '3:38 listeners.web.debug.token: is too short for a secret: write at least 16 characters',
    '4:43 listeners.more.debug.header: is written by the gateway: take another name',
  ],
  'bad-cron.yaml': [
    '3:27 tasks[0].cron: "99 * * * *" is not a cron expression: 99 is a invalid expression for minute; write "0 3 * * *" for every day at three',
    '4:49 tasks[1].timezone: "Mars/Olympus" is not a timezone: expected an IANA name such as "Europe/Berlin" or "UTC"',
    '5:5 tasks[2]: names nothing to do: write one of call, prune, backup, exec, module',
  ],
  'bad-tasks.yaml': [
    '2:19 machine.exec[0]: is no program: write its whole path, as in /usr/local/bin/report',
    '4:65 tasks[0].catchUp: expected one of off, once, each',
    '4:81 tasks[0].overlap: expected one of skip, queue',
    '4:95 tasks[0].jitter: a duration needs a unit: write 30s, or 0 for none',
    '4:112 tasks[0].startWithin: "0s" is out of range: write 1s to 24h',
    '5:64 tasks[1].jitter: is longer than the 1m between two fires: write at most that',
    '6:75 tasks[2].retry.attempts: must be at least 1',
    '6:78 tasks[2].retry.backof: unknown key, did you mean "backoff"?',
    '7:53 tasks[3].exec.command[0]: write the whole path of the program, as in /usr/local/bin/report',
    '8:51 tasks[4].module.file: ./nowhere.ts has not been loaded: modules are named in the config file only',
    '9:51 tasks[5].backup.keep: must be at least 1',
    '9:54 tasks[5].backup.folder: unknown key: there are keep',
    '10:5 tasks[6].startWithin: is 1h, and a fire begins up to 2h after its planned time: write more than that',
    '11:84 tasks[7].startWithin: is 10s, and a fire counts as missed 10s after its planned time: write more than that',
  ],
  'exec-not-allowed.yaml': [
    '4:5 tasks[0]: may not run /usr/local/bin/report: write machine: { exec: [/usr/local/bin/report] }, or take the task out',
    '5:5 tasks[1]: may not set BASH_ENV for /bin/true: write machine: { execEnv: [BASH_ENV] }, or take the task out',
  ],
  'bad-health.yaml': [
    '4:21 upstreams.shop.health.http: a path starts with "/" and has no blanks: write /healthz',
    '4:37 upstreams.shop.health.every: "1ms" is out of range: write 100ms to 576h',
    '4:50 upstreams.shop.health.jitter: a share needs its unit: write 20%',
    '4:54 upstreams.shop.health.unhealty: unknown key, did you mean "unhealthy"?',
    '6:29 upstreams.both.health.tcp: there is "http" too: take one of the two out',
  ],
  'bad-mesh.yaml': [
    '3:12 mesh.default: expected one of allow, deny; did you mean "allow"?',
    '8:7 mesh.rules[3].allow: is missing: write allow: true',
    '8:15 mesh.rules[3].from: "web app" is not a name: write letters, digits, "-", "_" and ".", at most 128, beginning with a letter or digit, or "*" for everybody',
    '8:38 mesh.rules[3].alow: unknown key, did you mean "allow"?',
    '10:19 mesh.callers.web.token: must be a token of 16 to 512 ASCII characters, or sha256: and its 64 hex digits',
    '12:19 mesh.callers.app.token: is the token of "bff" too: give each service its own',
    '13:16 mesh.tokenHeader: is written by the gateway: take another name',
    '14:9 mesh.idle: "1s" is out of range: write 30s to 168h',
    '15:11 mesh.domain: is no domain: write lower case without a dot at the end, as in consul',
  ],
  'mesh-tie.yaml': [
    '5:7 mesh.rules[1]: and [0] disagree about calls from "web" to "orders": add a rule with from: web, to: orders',
    '6:7 mesh.rules[2]: stands at [0] already: take one out',
  ],
  'bad-pattern.yaml': [
    '4:20 routes[0].match.path: "api" must start with /; write "/api"',
    '7:20 routes[1].match.host: "https://shop.example.com" is more than a host; write the name only, without http:// and path',
    '10:20 routes[2].match.path: "~^/(unclosed": Invalid regular expression: /^/(unclosed/: Unterminated group',
  ],
  'duplicate-key.yaml': ['4:3 upstreams.shop: stands here twice, first in line 3: take one out'],
  'duration-without-unit.yaml': [
    '4:28 listeners.web.limits.headTimeout: a duration needs a unit: write 5s, not 5',
    '6:25 defaults.timeouts.response: a duration needs a unit: write 15s, not 15',
  ],
  'empty-values.yaml': [
    '2:7 admin: has no value: write { bind: 127.0.0.1:8081 }',
    '5:11 routes[0].match: has no value: write { path: /api/* }',
    '6:8 routes[0].to: expected text or a list, found nothing: write shop',
  ],
  'empty.yaml': ['1:1 is empty: write at least listeners: { web: { bind: ":8080" } }'],
  'merge-key.yaml': ['4:12 upstreams.shoes["<<"]: merge keys are not supported here: use an alias for a whole value'],
  'missing-name.yaml': ['3:5 routes[0].name: is missing: write name: shop-api'],
  'missing-variable.yaml': [
    '5:12 registry.consul.token: the environment variable MISSING_TOKEN is not set: set it, or give a default with "${env:MISSING_TOKEN:-default}"',
    '6:17 registry.consul.datacenter: "${HOME}" does not say from where: write "${env:HOME}"',
  ],
  'open-registry.yaml': [
    '4:11 registry.embedded.http: 0.0.0.0:8500 is open to other machines and there is no token: set registry.embedded.token, or bind 127.0.0.1',
    '5:16 registry.embedded.readToken: has no effect without token: set that too',
  ],
  'repeated-name.yaml': [
    '4:5 routes[1]: "shop" stands in [0] already: take one out, or rename it',
    '7:13 tasks[1].name: "t" stands in [0] already: take one out, or rename it',
  ],
  'same-port.yaml': [
    '1:1 admin.bind: port 8081 is taken by listeners.web.bind: write admin.bind with another port',
    '3:17 listeners.mesh.bind: port 8081 is taken by listeners.web.bind: write listeners.mesh.bind with another port',
  ],
  'short-route.yaml': [
    '3:5 routes[0]: "/api/* => shop" is not a route: a short route is a host, a path or both, and an upstream: write /api/* -> shop, or shop.example.com/img/* -> images',
  ],
  'tab.yaml': ['2:1 a tab cannot indent: use spaces'],
  'tie.yaml': [
    '4:5 routes[1]: takes the same requests as route "/api/*" at tie.yaml:3:5: narrow its match, set match.priority, or take one out',
  ],
  'two-documents.yaml': ['2:1 a second document begins here: take the "---" out, a config is one document'],
  'two-registries.yaml': ['4:11 registry.consul: there is an embedded registry too: take one of the two out'],
  'unclosed.yaml': ['2:1 the indentation does not fit the lines above, or a bracket is not closed: align it'],
  'unknown-anchor.yaml': ['4:9 upstreams.shop: no anchor "&default" before this alias: write the value itself'],
  'unknown-balancer.yaml': [
    '3:20 upstreams.shop.balance: expected one of round-robin, weighted, least-requests, random, two-choices, peak-ewma, consistent-hash; did you mean "least-requests"?',
    '3:54 upstreams.shop.retry.attempts: must be at most 5',
    '4:42 upstreams.b.balance.consistent-hash.by: is not a key of a request: write client.ip, path, "header x-user" or "cookie uid"',
    '4:51 upstreams.b.balance.consistent-hash.bye: unknown key, did you mean "by"?',
    '5:27 upstreams.c.balance.random: there is "weighted" too: take one of the two out',
    '6:17 upstreams.d.balance: names nothing to do: write one of round-robin, weighted, least-requests, random, two-choices, peak-ewma, consistent-hash',
  ],
  'unknown-filter.yaml': [
    '5:9 routes[0].filters[0].rewritepath: unknown key, did you mean "rewritePath"?',
    '6:24 routes[0].filters[1].rewritePath.strp: unknown key, did you mean "strip"?',
    `7:9 routes[0].filters[2]: names nothing to do: write one of ${Object.keys(filterTable).join(', ')}`,
  ],
  'unknown-key.yaml': ['4:38 routes[0].match.pth: unknown key, did you mean "path"?'],
  'weight-zero.yaml': ['3:71 routes[0].to[0].weight: nobody gets any traffic: give one of them a weight above 0'],
  'wrong-type.yaml': [
    '4:26 routes[0].match.query.v: expected text, found a number: put it in quotes, or give it its unit',
    '4:40 routes[0].match.methods: expected a list, found text: write [GET, POST]',
    '5:9 routes[0].to: expected text or a list, found a number: write shop',
  ],
}

test('every broken file has its expectation here, and the other way round', () => {
  assert.deepEqual(readdirSync(folder).toSorted(), Object.keys(expected).toSorted())
})

for (const [name, problems] of Object.entries(expected)) {
  test(`${name} is refused with line, column, path and what to write instead`, () => {
    const told = fileRefusals(readFileSync(new URL(name, folder), 'utf8'), name)
    assert.deepEqual(
      told,
      problems.map((problem) => `${name}:${problem}`),
    )
  })
}
