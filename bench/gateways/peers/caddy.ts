import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Peer, Setup } from '../peer.ts'
import { programOf, versionOf } from '../programs.ts'

export const caddy: Peer = {
  version: () => `Caddy ${versionOf('caddy', ['version'])}`,
  mostRoutes: 1_000,
  hasWebSocket: true,
  env: { GOMAXPROCS: '1' },
  command: (setup) => {
    const file = join(setup.folder, 'caddy.json')
    writeFileSync(file, JSON.stringify(configOf(setup)))
    return [programOf('caddy'), 'run', '--config', file]
  },
}

function configOf({ port, services, routes }: Setup): unknown {
  const handle = [
    {
      handler: 'reverse_proxy',
      upstreams: services.map((at) => ({ dial: `127.0.0.1:${at}` })),
      transport: { protocol: 'http', keep_alive: { max_idle_conns_per_host: 128 } },
    },
  ]
  const routing =
    routes === 1 ? [{ handle }] : Array.from({ length: routes }, (_, i) => ({ match: [{ path: [`/route-${i}/*`] }], handle }))
  return {
    admin: { disabled: true },
    logging: { logs: { default: { level: 'ERROR' } } },
    apps: { http: { servers: { web: { listen: [`127.0.0.1:${port}`], automatic_https: { disable: true }, routes: routing } } } },
  }
}
