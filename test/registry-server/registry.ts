import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { systemClock, systemRandom, type Clock } from '../../src/clock.ts'
import { silentLogger } from '../../src/logging.ts'
import type { AccessOptions } from '../../src/registry-server/access.ts'
import type { TlsFiles } from '../../src/registry-server/http-server.ts'
import { startRegistryServer, type RegistryServer } from '../../src/registry-server/server.ts'
import { selfSigned } from '../support/self-signed.ts'

export interface Reply {
  readonly status: number
  readonly text: string
  readonly index: number
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- a cast at an edge: the test says what it expects
  json<T>(): T
}

export interface TestRegistry {
  readonly url: string
  readonly port: number
  readonly server: RegistryServer
  get(path: string): Promise<Reply>
  put(path: string, body?: unknown): Promise<Reply>
  delete(path: string): Promise<Reply>
}

export interface TestRegistryOptions {
  readonly clock?: Clock
  readonly data?: string
  readonly node?: string
  readonly enableScripts?: boolean
  readonly access?: AccessOptions
  readonly tls?: TlsFiles
}

/** A registry on a free port. It is closed when the test ends; closing it earlier is fine. */
export async function openRegistry(
  test: TestContext,
  { clock = systemClock, data, node = 'n1', ...more }: TestRegistryOptions = {},
): Promise<TestRegistry> {
  const http = { host: '127.0.0.1', port: 0 }
  // 0: no jitter on waits, checks run at once.
  const random = clock === systemClock ? systemRandom : () => 0
  const server = await startRegistryServer({
    http,
    data: data ?? null,
    node,
    datacenter: 'dc1',
    ...more,
    clock,
    random,
    logger: silentLogger,
  })
  let closing: Promise<void> | null = null
  const close = (): Promise<void> => (closing ??= server.close())
  test.after(close)
  const { port } = server.address
  const url = `http://127.0.0.1:${port}`
  return {
    url,
    port,
    server: { ...server, close },
    get: (path) => call(`${url}${path}`, 'GET'),
    put: (path, body) => call(`${url}${path}`, 'PUT', body),
    delete: (path) => call(`${url}${path}`, 'DELETE'),
  }
}

/** An empty folder that is removed when the test ends. */
export function makeFolder(test: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'registry-'))
  test.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A certificate for localhost that nobody trusts, with its key, as files. */
export function makeTlsFiles(test: TestContext): TlsFiles {
  const folder = makeFolder(test)
  const files = { cert: join(folder, 'registry.crt'), key: join(folder, 'registry.key') }
  writeFileSync(files.cert, selfSigned.cert)
  writeFileSync(files.key, selfSigned.key)
  return files
}

export async function call(url: string, method: string, body?: unknown): Promise<Reply> {
  const content = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
  const response = await fetch(url, { method, ...(content === undefined ? {} : { body: content }) })
  const text = await response.text()
  return {
    status: response.status,
    text,
    index: Number(response.headers.get('x-consul-index')),
    // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- a cast at an edge: the test says what it expects
    json: <T>() => JSON.parse(text) as T,
  }
}
