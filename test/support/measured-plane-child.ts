// A data plane in a process of its own, which tells what it holds: forked by measured-plane.ts with the ports of its instances.
import { readdirSync } from 'node:fs'
import { startDataPlane } from './data-plane.ts'
import type { Held } from './measured-plane.ts'

const plane = await startDataPlane({
  upstreams: { app: process.argv.slice(2).map(Number) },
  policy: { maxConnections: 20_000 },
  limits: { connections: 20_000 },
  isQuiet: true,
})
const collect = (globalThis as { gc?: (options: object) => void }).gc
if (!collect) throw new Error('run with --expose-gc')

process.on('message', (isCollecting: boolean) => {
  void (isCollecting ? collectAll() : Promise.resolve()).then(tell)
})
process.on('disconnect', () => process.exit(0))
process.send?.(plane.port)

/**
 * Memory outside of the heap is counted off by the collection after the one that frees it. Only a collection of the last resort gives pages back:
 * without, resident memory tells how much garbage there has been at a time, and so how busy the machine was.
 */
async function collectAll(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    collect?.({ type: 'major', execution: 'sync', flavor: 'last-resort' })
    await new Promise((resolve) => setImmediate(resolve))
  }
}

function tell(): void {
  const { heapUsed, external, rss } = process.memoryUsage()
  const held: Held = { heapBytes: heapUsed + external, residentBytes: rss, descriptors: readdirSync('/proc/self/fd').length }
  process.send?.(held)
}
