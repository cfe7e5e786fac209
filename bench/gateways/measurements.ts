import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Running } from './contestant.ts'
import { closedLoop, type ClosedLoop } from './load/closed-loop.ts'
import { runScript } from './load/run-load.ts'
import { pinned } from './pinned.ts'
import type { Measurement } from './scenario.ts'

/** Answers per CPU second of the gateway with 64 connections that never rest. */
export function perCpuSecond(what: ClosedLoop): (running: Running, seconds: number) => Promise<Measurement> {
  return async (running, seconds) => {
    const [cpu, since] = [running.cpuSeconds(), performance.now()]
    const done = await closedLoop(running.port, seconds, running.folder, what)
    return perCpu(running, { done, cpu, since })
  }
}

/** Messages that came back on 64 WebSockets per CPU second of the gateway. */
export async function echoesPerCpuSecond(running: Running, seconds: number): Promise<Measurement> {
  const [cpu, since] = [running.cpuSeconds(), performance.now()]
  const { done } = await runScript<{ done: number }>('./echo-load.ts', [running.port, 64, seconds], seconds)
  return perCpu(running, { done, cpu, since })
}

interface Run {
  readonly done: number
  /** CPU seconds before it. */
  readonly cpu: number
  readonly since: number
}

function perCpu(running: Running, { done, cpu, since }: Run): Measurement {
  const [cpuSeconds, seconds] = [running.cpuSeconds() - cpu, (performance.now() - since) / 1000]
  return {
    figure: Math.round(done / cpuSeconds),
    details: { perSecond: Math.round(done / seconds), coreRatio: Number((cpuSeconds / seconds).toFixed(2)) },
  }
}

interface Latencies {
  readonly [name: string]: number
  readonly failed: number
  readonly p99: number
}

/** µs within which 99 of 100 requests are answered, counted from the time at which they were to be sent. */
export async function p99At(running: Running, seconds: number, perSecond: number): Promise<Measurement> {
  const { failed, ...latencies } = await runScript<Latencies>('./open-loop.ts', [running.port, perSecond, seconds], seconds)
  if (failed > 0) throw new Error(`${failed} requests failed`)
  return { figure: latencies.p99, details: latencies }
}

const IDLE_CONNECTIONS = 10_000
/** For the gateway to come to rest. */
const REST_MS = 1_500

/** Bytes of memory per idle connection: each has had one request. */
export async function memoryPerConnection(running: Running): Promise<Measurement> {
  const cold = running.memoryKib()
  // What one needs only once, for code and pools, is there before.
  await closedLoop(running.port, 2, running.folder, {})
  await rest()
  const before = running.memoryKib()
  const script = fileURLToPath(new URL('./load/idle-connections.ts', import.meta.url))
  const [program, ...args] = pinned('load', [process.execPath, script, String(running.port), String(IDLE_CONNECTIONS)])
  const holder = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const line = (): Promise<string> =>
    new Promise((resolve) => holder.stdout.once('data', (data: Buffer) => resolve(String(data))))
  await line()
  await rest()
  const after = running.memoryKib()
  holder.stdin.write('?')
  const held = Number(/\d+/.exec(await line())?.[0] ?? 0)
  holder.stdin.end()
  if (held < IDLE_CONNECTIONS) throw new Error(`only ${held} of ${IDLE_CONNECTIONS} connections were still open`)
  return {
    figure: Math.round(((after - before) * 1024) / IDLE_CONNECTIONS),
    details: { coldMib: Math.round(cold / 1024), beforeMib: Math.round(before / 1024), afterMib: Math.round(after / 1024) },
  }
}

function rest(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, REST_MS))
}
