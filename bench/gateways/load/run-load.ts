import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { pinned } from '../pinned.ts'

/** Runs a load on its core and gives what it prints. */
export function runLoad(
  command: readonly string[],
  seconds: number,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const [program, ...args] = pinned('load', command)
  return new Promise((resolve, reject) => {
    const options = { env: { ...process.env, ...env }, timeout: (seconds + 20) * 1_000 }
    execFile(program, args, options, (error, stdout, stderr) => {
      if (error) reject(new Error(`the load failed: ${stderr || error.message}`, { cause: error }))
      else resolve(stdout)
    })
  })
}

/** Runs one of the scripts beside this file, which prints JSON. */
export async function runScript<T>(script: string, args: readonly number[], seconds: number): Promise<T> {
  const file = fileURLToPath(new URL(script, import.meta.url))
  return JSON.parse(await runLoad([process.execPath, file, ...args.map(String)], seconds)) as T
}
