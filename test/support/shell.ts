import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { endsWithUs } from './ends-with-us.ts'

/** One shell that a person types blocks into. */
export interface Shell {
  /** Runs a block to its end and gives what it printed, errors included. */
  run(block: string): Promise<string>
  /** Ends the jobs that are still in the background, and the shell. */
  close(): Promise<void>
}

/** Opens a bash in a folder. The caller closes it. */
export function openShell(cwd: string, env: Readonly<Record<string, string | undefined>> = {}): Shell {
  const child = endsWithUs(
    spawn('bash', ['--noprofile', '--norc'], {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    }),
  )
  let printed = ''
  let onPrinted: (() => void) | null = null
  const collect = (chunk: Buffer): void => {
    printed += chunk.toString()
    onPrinted?.()
  }
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  const closed = once(child, 'close')
  let blocks = 0
  return {
    run: (block) =>
      new Promise((resolve, reject) => {
        const from = printed.length
        const end = `__end_of_block_${++blocks}__`
        onPrinted = () => {
          const at = printed.indexOf(end, from)
          if (at >= 0) resolve(printed.slice(from, at))
        }
        void closed.then(() => reject(new Error(`the shell ended: ${printed.slice(from)}`)))
        child.stdin.write(`${block}\necho ${end}\n`)
      }),
    close: async () => {
      child.stdin.end('kill $(jobs -p) 2>/dev/null; wait\n')
      await closed
    },
  }
}
