/** One attempt to have the mesh listener call what is no service. */
export interface ProxyCase {
  readonly name: string
  /** `SECRET` is replaced by the port of a server that is not registered, `ORDERS` by that of an instance that is. */
  readonly send: string
  /** Status and code of the refusal. */
  readonly refuse: readonly [number, string]
}

const notAService = [403, 'not_a_mesh_service'] as const
const unknown = [404, 'service_unknown'] as const
const badTarget = [400, 'bad_target'] as const
const badHost = [400, 'bad_host'] as const
const otherPort = [403, 'port_not_registered'] as const

function absolute(authority: string): string {
  return `GET http://${authority}/ HTTP/1.1\r\nHost: ${authority}\r\nConnection: close\r\n\r\n`
}

function hostForm(host: string): string {
  return `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`
}

function target(text: string, host = 'orders'): string {
  return `GET ${text} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`
}

function connect(authority: string, host = authority): string {
  return `CONNECT ${authority} HTTP/1.1\r\nHost: ${host}\r\n\r\n`
}

function webSocket(authority: string): string {
  const upgrade =
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
  return `GET http://${authority}/ HTTP/1.1\r\nHost: ${authority}\r\n${upgrade}\r\n`
}

/** Spellings of addresses that some program or other takes for one. */
const addresses = [
  '127.0.0.1:SECRET',
  '127.1:SECRET',
  '2130706433:SECRET',
  '0x7f000001:SECRET',
  '0x7f.0.0.1:SECRET',
  '0177.0.0.1:SECRET',
  '[::1]:SECRET',
  '[0:0:0:0:0:0:0:1]:SECRET',
  '[::ffff:127.0.0.1]:SECRET',
  '[::ffff:7f00:1]:SECRET',
  '[::]:SECRET',
  '0.0.0.0:SECRET',
  '0:SECRET',
  '127.0.0.1.:SECRET',
  '169.254.169.254',
  '10.0.0.1',
  '172.16.0.1',
  '192.168.0.1',
  '100.64.0.1',
  '[fd00::1]',
  '[fe80::1]',
  // Registered under its service, and still no name.
  '127.0.0.1:ORDERS',
]

/** Names that DNS would take to this machine, some of them only the second time it is asked. */
const names = [
  'localtest.me:SECRET',
  '127.0.0.1.nip.io:SECRET',
  '7f000001.rbndr.us:SECRET',
  'metadata.google.internal',
  'example.com',
]

/** Names that look like ours. */
const lookalikes: Readonly<Record<string, readonly [number, string]>> = {
  'localhost:SECRET': unknown,
  'localhost.:SECRET': unknown,
  'orders.example.com': notAService,
  'orders.service.example.com': notAService,
  'orders.service.consul.example.com': notAService,
  'example.com.orders': notAService,
  'orders.node.consul': notAService,
  'orders.query.consul': notAService,
  'n1.node.dc1.consul': notAService,
  'orders.service.dc9.consul': unknown,
  '127.0.0.1.service': unknown,
  '127.0.0.1.mesh:SECRET': unknown,
  'consul.service.consul': unknown,
  consul: unknown,
  service: notAService,
  '.service': badTarget,
}

export const proxyCases: readonly ProxyCase[] = [
  ...addresses.map((to) => ({ name: `an absolute target ${to}`, send: absolute(to), refuse: notAService })),
  ...names.map((to) => ({ name: `an absolute target ${to}`, send: absolute(to), refuse: notAService })),
  ...Object.entries(lookalikes).map(([to, refuse]) => ({ name: `an absolute target ${to}`, send: absolute(to), refuse })),
  ...['127.0.0.1:SECRET', '[::1]:SECRET', '0x7f000001:SECRET', 'localtest.me:SECRET'].flatMap((to): ProxyCase[] => [
    { name: `a Host ${to}`, send: hostForm(to), refuse: notAService },
    { name: `CONNECT ${to}`, send: connect(to), refuse: notAService },
    { name: `a WebSocket to ${to}`, send: webSocket(to), refuse: notAService },
  ]),
  { name: 'a Host that DNS would resolve', send: hostForm('localhost:SECRET'), refuse: unknown },
  { name: 'a Host with userinfo', send: hostForm('orders@127.0.0.1:SECRET'), refuse: badHost },
  { name: 'a Host with a list', send: hostForm('orders, 127.0.0.1:SECRET'), refuse: badHost },
  { name: 'two Hosts', send: `GET / HTTP/1.1\r\nHost: orders\r\nHost: 127.0.0.1:SECRET\r\n\r\n`, refuse: badHost },
  { name: 'a Host other than the target', send: target('http://127.0.0.1:SECRET/'), refuse: badHost },
  { name: 'a target other than the Host', send: target('http://orders/', '127.0.0.1:SECRET'), refuse: badHost },
  {
    name: 'X-Forwarded-Host in front of an address',
    send: 'GET / HTTP/1.1\r\nHost: 127.0.0.1:SECRET\r\nX-Forwarded-Host: orders\r\nForwarded: host=orders\r\n\r\n',
    refuse: notAService,
  },
  ...[
    'http://orders@127.0.0.1:SECRET/',
    'http://orders:80@127.0.0.1:SECRET/',
    'http://orders%40127.0.0.1:SECRET/',
    'http://127.0.0.1:SECRET%23@orders/',
    'http://127.0.0.1:SECRET#@orders/',
    'http://127.0.0.1:SECRET\\@orders/',
    'http://orders\\@127.0.0.1:SECRET/',
    'http://orders%00.127.0.0.1:SECRET/',
    'http://orders%2f@127.0.0.1:SECRET/',
    'http:/127.0.0.1:SECRET/',
    'http:127.0.0.1:SECRET/',
    'http:///127.0.0.1:SECRET/',
    'https://orders/',
    'https://127.0.0.1:SECRET/',
    'ws://127.0.0.1:SECRET/',
    'ftp://127.0.0.1:SECRET/',
    'gopher://127.0.0.1:SECRET/_',
    'file:///etc/passwd',
    'unix:/var/run/docker.sock',
    'orders:ORDERS',
    'http://orders:0/',
    'http://orders:65536/',
    'http://orders:-1/',
    'http://[::1/',
    'http://[::1%25lo]:SECRET/',
  ].map((text) => ({ name: `the target ${text}`, send: target(text), refuse: badTarget })),
  ...['orders:SECRET', 'orders:22', 'orders.service.consul:SECRET', 'v1.orders.service:SECRET'].flatMap((to): ProxyCase[] => [
    { name: `another port: ${to}`, send: absolute(to), refuse: otherPort },
    { name: `CONNECT to another port: ${to}`, send: connect(to), refuse: otherPort },
    { name: `a WebSocket to another port: ${to}`, send: webSocket(to), refuse: otherPort },
  ]),
  { name: 'a Host with another port', send: hostForm('orders:SECRET'), refuse: otherPort },
  { name: 'CONNECT for TLS where nobody has registered 443', send: connect('orders:443'), refuse: otherPort },
  { name: 'CONNECT to a name of the world', send: connect('example.com:443'), refuse: notAService },
  { name: 'CONNECT to a mistyped name', send: connect('ordesr:80'), refuse: unknown },
  { name: 'CONNECT to a server of Consul', send: connect('consul:8300'), refuse: unknown },
  ...['meshgate:SECRET', 'meshgate:80', 'MESHGATE.service.consul:80'].map((to) => ({
    name: `CONNECT to a gateway, which would take us for its client: ${to}`,
    send: connect(to),
    refuse: notAService,
  })),
  { name: 'CONNECT without port', send: connect('orders'), refuse: badTarget },
  { name: 'CONNECT with a path', send: connect('orders:80/x', 'orders:80'), refuse: badTarget },
  { name: 'CONNECT with a scheme', send: connect('http://orders:80', 'orders:80'), refuse: badTarget },
  { name: 'CONNECT in origin form', send: connect('/', 'orders:80'), refuse: badTarget },
  { name: 'CONNECT with userinfo', send: connect('orders@127.0.0.1:SECRET'), refuse: badTarget },
  { name: 'CONNECT with another Host', send: connect('127.0.0.1:SECRET', 'orders:80'), refuse: badHost },
  { name: 'CONNECT with another port in Host', send: connect('orders:ORDERS', 'orders:SECRET'), refuse: badHost },
  {
    name: 'CONNECT with a body',
    send: 'CONNECT orders:80 HTTP/1.1\r\nHost: orders:80\r\nContent-Length: 4\r\n\r\nGET ',
    refuse: [400, 'ambiguous_framing'],
  },
  {
    name: 'CONNECT with a chunked body',
    send: 'CONNECT orders:80 HTTP/1.1\r\nHost: orders:80\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    refuse: [400, 'ambiguous_framing'],
  },
  { name: 'TRACE', send: 'TRACE http://orders/ HTTP/1.1\r\nHost: orders\r\n\r\n', refuse: [501, 'method_not_supported'] },
]
