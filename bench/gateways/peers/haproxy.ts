import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Peer, Setup } from '../peer.ts'
import { programOf, versionOf } from '../programs.ts'

export const haproxy: Peer = {
  version: () => `HAProxy ${versionOf('haproxy', ['-v'])}`,
  mostRoutes: 10_000,
  hasWebSocket: true,
  command: (setup) => {
    const file = join(setup.folder, 'haproxy.cfg')
    writeFileSync(file, configOf(setup))
    return [programOf('haproxy'), '-db', '-f', file]
  },
}

function configOf({ port, services, routes, workers, folder }: Setup): string {
  const map = join(folder, 'routes.map')
  writeFileSync(map, Array.from({ length: routes }, (_, i) => `/route-${i}/ bench`).join('\n'))
  const choice = routes === 1 ? 'default_backend bench' : `use_backend %[path,map_beg(${map})]`
  return `global
  nbthread ${workers}
  maxconn 12000
  no strict-limits
defaults
  mode http
  timeout connect 1s
  timeout client 65s
  timeout server 65s
  timeout tunnel 65s
  timeout http-keep-alive 65s
  option forwardfor
  http-reuse always
frontend web
  bind 127.0.0.1:${port} backlog 4096
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  ${choice}
backend bench
${services.map((at, i) => `  server s${i} 127.0.0.1:${at}`).join('\n')}
`
}
