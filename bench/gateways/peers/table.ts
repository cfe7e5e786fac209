import type { Peer } from '../peer.ts'
import { caddy } from './caddy.ts'
import { haproxy } from './haproxy.ts'
import { meshgate } from './meshgate.ts'
import { nginx } from './nginx.ts'
import { nodePeer } from './node-peer.ts'

/** All that can be measured, by the name in tables and for `--peers`. */
export const peers = {
  meshgate,
  nginx,
  haproxy,
  caddy,
  'http-proxy': nodePeer('./http-proxy-server.ts', 'http-proxy', true),
  httpxy: nodePeer('./httpxy-server.ts', 'httpxy', true),
  undici: nodePeer('./undici-server.ts', 'undici', false),
  '@fastify/http-proxy': nodePeer('./fastify-server.ts', '@fastify/http-proxy', false),
} as const satisfies Readonly<Record<string, Peer>>

export type PeerName = keyof typeof peers
