import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Peer, Setup } from '../peer.ts'

const mainFile = fileURLToPath(new URL('../../../src/main.ts', import.meta.url))

/** The whole gateway as `npm start` and the image run it: config file, registry thread, probes, admin. */
export const meshgate: Peer = {
  version: () => `meshgate (${execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()})`,
  mostRoutes: Infinity,
  hasWebSocket: true,
  command: (setup) => {
    const file = join(setup.folder, 'gateway.yaml')
    writeFileSync(file, configOf(setup))
    // What this version does not know is told here, in its own words, and not by a gateway that does not come up.
    execFileSync(process.execPath, [mainFile, 'check', file], { stdio: ['ignore', 'pipe', 'pipe'] })
    return [process.execPath, '--max-semi-space-size=4', mainFile, 'run', '--config', file]
  },
}

// Port 0: nobody asks its admin API and its registry here.
function configOf({ port, services, routes, workers, extra, folder }: Setup): string {
  const more = (extra.filters ? `, filters: ${extra.filters}` : '') + (extra.route ? `, ${extra.route}` : '')
  const paths = routes === 1 ? ['/*'] : Array.from({ length: routes }, (_, i) => `/route-${i}/*`)
  const mode = extra.mesh === undefined ? 'front' : 'mesh'
  return `listeners: { web: { bind: "127.0.0.1:${port}", mode: ${mode}, limits: { connections: 20000 } } }
admin: { bind: "127.0.0.1:0" }
registry: { embedded: { http: "127.0.0.1:0", dns: off, data: ${join(folder, 'data')} } }
log: { level: ${extra.access ? 'info' : 'warn'}, access: ${extra.access ?? false} }
${extra.mesh ? `mesh: ${extra.mesh}\n` : ''}${workers === 1 ? '' : `workers: ${workers}\n`}upstreams:
  bench: { instances: [${services.map((at) => `"127.0.0.1:${at}"`).join(', ')}]${extra.upstream ? `, ${extra.upstream}` : ''} }
routes:
${paths.map((path, i) => `  - { name: r${i}, match: { path: ${path} }, to: bench${more} }`).join('\n')}
`
}
