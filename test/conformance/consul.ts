import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePorts } from '../support/meshgate-process.ts'
import { until } from '../support/until.ts'
import { endsWithUs } from '../support/ends-with-us.ts'

/** Where the real Consul is: the project's own copy, else one on the PATH; null when there is none. */
export function findConsul(): string | null {
  const own = fileURLToPath(new URL('../../.consul/usr/bin/consul', import.meta.url))
  const onPath = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'consul'))
  return [own, ...onPath].find((file) => existsSync(file)) ?? null
}

/** Why a test that wants the real Consul is skipped; false when it is there. In CI it must be there, so there it is never skipped. */
export function consulSkip(): string | false {
  if (findConsul() !== null || process.env['CI'] === 'true') return false
  return 'no consul binary: neither in .consul/usr/bin nor on the PATH'
}

export interface ConsulProcess {
  readonly port: number
  close(): Promise<void>
}

/** Starts a private single server on free ports of the loopback and waits until it leads. The caller closes it. */
export async function startConsul(): Promise<ConsulProcess> {
  const binary = findConsul()
  if (binary === null) throw new Error('no consul binary: neither in .consul/usr/bin nor on the PATH')
  const folder = mkdtempSync(join(tmpdir(), 'consul-'))
  const [http, lan, wan, server] = await freePorts(4)
  const config = {
    node_name: 'n1',
    datacenter: 'dc1',
    server: true,
    bootstrap_expect: 1,
    bind_addr: '127.0.0.1',
    client_addr: '127.0.0.1',
    enable_script_checks: true,
    disable_update_check: true,
    log_level: 'warn',
    check_update_interval: '0s',
    performance: { raft_multiplier: 1 },
    ports: { http, dns: -1, grpc: -1, serf_lan: lan, serf_wan: wan, server },
  }
  const child = endsWithUs(
    spawn(binary, ['agent', '-data-dir', join(folder, 'data'), '-hcl', JSON.stringify(config)], { stdio: 'ignore' }),
  )
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.on('error', () => {})
  const close = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await until(
      'consul leads',
      async () => (await (await fetch(`http://127.0.0.1:${http}/v1/health/service/consul?passing`)).text()).includes('n1'),
      30_000,
    )
    // Its own node is listed bare until the agent has synced for the first time.
    await until(
      'consul has completed its own node',
      async () => (await (await fetch(`http://127.0.0.1:${http}/v1/catalog/node/n1`)).text()).includes('lan_ipv4'),
      30_000,
    )
  } catch (error) {
    await close()
    throw error
  }
  return { port: http ?? 0, close }
}
