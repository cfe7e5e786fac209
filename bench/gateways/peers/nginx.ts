import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Peer, Setup } from '../peer.ts'
import { programOf, versionOf } from '../programs.ts'

export const nginx: Peer = {
  version: () => `nginx ${versionOf('nginx', ['-v'])}`,
  mostRoutes: 10_000,
  hasWebSocket: true,
  command: (setup) => {
    const file = join(setup.folder, 'nginx.conf')
    writeFileSync(file, configOf(setup))
    return [programOf('nginx'), '-e', 'stderr', '-p', setup.folder, '-c', file]
  },
}

/** Settings without which no nginx of ours starts in a folder of its own. */
export function nginxFrame(folder: string, workers: number, http: string): string {
  return `daemon off; pid ${join(folder, 'nginx.pid')}; error_log stderr error; worker_processes ${workers}; worker_rlimit_nofile 20000;
events { worker_connections 19000; }
http {
  access_log off; keepalive_requests 1000000000; keepalive_timeout 65s;
  client_body_temp_path ${folder}/b; proxy_temp_path ${folder}/p; fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
${http}
}
`
}

function configOf({ port, services, routes, workers, extra, folder }: Setup): string {
  const paths = routes === 1 ? ['/'] : Array.from({ length: routes }, (_, i) => `/route-${i}/`)
  return nginxFrame(
    folder,
    workers,
    `
  upstream bench { ${services.map((at) => `server 127.0.0.1:${at};`).join(' ')} keepalive 128; keepalive_requests 1000000000; }
  map $http_upgrade $connection_field { default upgrade; '' ''; }
  proxy_http_version 1.1;
  proxy_set_header Host $host; proxy_set_header Connection $connection_field; proxy_set_header Upgrade $http_upgrade;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Forwarded-Host $host;
  ${extra.requestId ? 'proxy_set_header X-Request-Id $request_id;' : ''}
  server {
    listen 127.0.0.1:${port} reuseport backlog=4096;
${paths.map((path) => `    location ${path} { proxy_pass http://bench; }`).join('\n')}
  }`,
  )
}
