// Starts the gateway with its registry and the three services: `npm run example:three-services`. With `--once` it prints one answer and ends.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url))
const [web, mesh, registry, dns] = ['WEB_PORT', 'MESH_PORT', 'REGISTRY_PORT', 'DNS_PORT'].map((name, at) => {
  return process.env[name] ?? ['8080', '4180', '8500', '8600'][at]
})
const env = {
  ...process.env,
  REGISTRY: `http://127.0.0.1:${registry}`,
  DNS: `127.0.0.1:${dns}`,
  HTTP_PROXY: `http://127.0.0.1:${mesh}`,
  // Python reads this one first.
  http_proxy: `http://127.0.0.1:${mesh}`,
}
const python = process.env['PYTHON'] ?? 'python3'
const front = `http://127.0.0.1:${web}/`
const startedBy = Date.now() + 30_000
const running: ChildProcess[] = []
const ending = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => ending.abort(`ended by ${signal}`))

function start(name: string, command: string, args: readonly string[]): void {
  const child = spawn(command, args, { env, stdio: ['ignore', 'inherit', 'inherit'] })
  running.push(child)
  child.once('error', (error) => ending.abort(`${name} cannot be started: ${error.message}`))
  child.once('exit', (code, signal) => ending.abort(`${name} has ended (${code ?? signal})`))
}

/** Asks until there is an answer that is fine. */
async function answerOf(url: string): Promise<string> {
  while (!ending.signal.aborted && Date.now() < startedBy) {
    const answer = await fetch(url).catch(() => null)
    if (answer?.ok) return answer.text()
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(ending.signal.aborted ? String(ending.signal.reason) : `${url} did not answer in time`)
}

async function stop(): Promise<void> {
  const [gateway, ...services] = running
  for (const children of [services, gateway ? [gateway] : []]) {
    const exits = children.filter((child) => child.exitCode === null && child.pid).map((child) => once(child, 'exit'))
    for (const child of children) child.kill('SIGTERM')
    await Promise.race([Promise.all(exits), new Promise((resolve) => setTimeout(resolve, 10_000).unref())])
    for (const child of children) child.kill('SIGKILL')
  }
}

// In a checkout the sources run; `meshgate/client` is then that of the sources too.
const isCheckout = existsSync(here('../../src/main.ts'))
const main = here(isCheckout ? '../../src/main.ts' : '../../dist/main.js')
const conditions = isCheckout ? ['--conditions=meshgate-source'] : []
try {
  start('the gateway', process.execPath, [main, 'run', '--config', here('gateway.yaml')])
  await answerOf(`${env.REGISTRY}/v1/status/leader`)
  start('shop', process.execPath, [...conditions, here('shop.ts')])
  start('orders', python, [here('orders.py')])
  start('stock', process.execPath, [here('stock.ts')])
  console.log(await answerOf(front))
  if (!process.argv.includes('--once')) {
    console.log(`\ncurl ${front} asks again; Ctrl-C ends all of it.`)
    if (!ending.signal.aborted) await once(ending.signal, 'abort')
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
} finally {
  await stop()
}
