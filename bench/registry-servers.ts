import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { consulBinary } from '../test/support/consul.ts'
import { freePorts } from '../test/support/meshgate-process.ts'
import { until } from '../test/support/until.ts'

/** A registry in a process of its own, with an empty data folder on disk. */
export interface RegistryProcess {
  readonly name: string
  readonly http: number
  readonly dns: number
  /** User and system time of all its threads, in seconds, to 10 ms. */
  cpuSeconds(): number
  residentMib(): number
  stop(): Promise<void>
}

/** `meshgate registry` as it ships: the built package. */
export async function startMeshgate(): Promise<RegistryProcess> {
  const [http = 0, dns = 0] = await freePorts(2)
  const main = fileURLToPath(new URL('../dist/main.js', import.meta.url))
  const args = [main, 'registry', '--http', `127.0.0.1:${http}`, '--dns', `127.0.0.1:${dns}`]
  return start({ name: 'meshgate', http, dns }, (data) => [process.execPath, ...args, '--data', data])
}

/** A single server of the real Consul. */
export async function startConsul(): Promise<RegistryProcess> {
  const binary = consulBinary()
  if (binary === null) throw new Error('there is no consul program: run `sh scripts/install-consul.sh`')
  const [http = 0, dns = 0, lan = 0, wan = 0, server = 0] = await freePorts(5)
  const config = {
    server: true,
    bootstrap_expect: 1,
    bind_addr: '127.0.0.1',
    client_addr: '127.0.0.1',
    disable_update_check: true,
    log_level: 'err',
    ports: { http, dns, grpc: -1, serf_lan: lan, serf_wan: wan, server },
  }
  return start({ name: 'Consul', http, dns }, (data) => [binary, 'agent', '-data-dir', data, '-hcl', JSON.stringify(config)])
}

async function start(
  { name, http, dns }: { readonly name: string; readonly http: number; readonly dns: number },
  command: (data: string) => readonly string[],
): Promise<RegistryProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'meshgate-bench-registry-'))
  const [program = '', ...args] = command(join(folder, 'data'))
  const child: ChildProcess = spawn(program, args, { stdio: 'ignore' })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
    rmSync(folder, { recursive: true, force: true })
  }
  // A bench that fails leaves no server behind.
  process.once('exit', () => child.kill('SIGKILL'))
  const url = `http://127.0.0.1:${http}/v1/health/service/consul?passing`
  await until(`${name} leads`, async () => (await (await fetch(url)).text()).length > 10, 30_000)
  const read = (file: string): string => readFileSync(`/proc/${child.pid}/${file}`, 'utf8')
  return {
    name,
    http,
    dns,
    stop,
    cpuSeconds: () => {
      const fields = read('stat').split(') ')[1]?.split(' ') ?? []
      return (Number(fields[11]) + Number(fields[12])) / 100
    },
    residentMib: () => Number(/VmRSS:\s+(\d+)/.exec(read('status'))?.[1] ?? 0) / 1024,
  }
}
