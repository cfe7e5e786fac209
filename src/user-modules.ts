import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { messageOf } from './errors.ts'

/** A module as it was loaded last. */
export type UserModule =
  | { readonly ok: true; readonly version: string; readonly exports: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly version: string; readonly why: string }

// Beside Node's own memory of modules, which is of the process too: it never forgets one.
const modules = new Map<string, UserModule>()
let loads = 0

/** What was loaded of a file; undefined: nothing yet. A relative path is taken from the working directory. */
export function userModuleOf(file: string): UserModule | undefined {
  return modules.get(resolve(file))
}

/** Imports a file anew if its content has changed, or if that failed before. It never rejects: what is wrong is kept for who asks. */
export async function loadUserModule(file: string): Promise<void> {
  const path = resolve(file)
  const text = await readFile(path).catch((error: unknown) => messageOf(error))
  if (typeof text === 'string')
    return void modules.set(path, { ok: false, version: 'unreadable', why: `cannot be read: ${text}` })
  const version = createHash('sha256').update(text).digest('hex').slice(0, 16)
  const known = modules.get(path)
  if (known?.ok && known.version === version) return
  modules.set(path, await imported(path, version))
}

/** What a module has to export: under a name, an object with a method; `example` is how that is written. */
export interface WantedExport {
  readonly name: string
  readonly method: string
  readonly example: string
}

/** What a module has exported; or a sentence on why there is nothing of that kind. */
export function exportOf(file: string, { name, method, example }: WantedExport): object | string {
  const found = userModuleOf(file)
  if (!found) return `${file} has not been loaded: modules are named in the config file only`
  if (!found.ok) return `${file} ${found.why}`
  const wanted = (found.exports[name] ?? {}) as Readonly<Record<string, unknown>>
  if (typeof wanted[method] === 'function') return wanted
  return `${file} exports no ${name}: write ${example}`
}

/** Whether something that nobody caught came from a module of the user's. Ours throw errors with stacks that lead elsewhere. */
export function isOfUserModule(thrown: unknown): boolean {
  if (modules.size === 0) return false
  if (!(thrown instanceof Error)) return true
  const { stack = '' } = thrown
  return [...modules.keys()].some((path) => stack.includes(pathToFileURL(path).href) || stack.includes(path))
}

async function imported(path: string, version: string): Promise<UserModule> {
  try {
    // Node remembers a module by its URL, one that has failed too.
    const exports = (await import(`${pathToFileURL(path).href}?v=${version}-${++loads}`)) as Readonly<Record<string, unknown>>
    return { ok: true, version, exports }
  } catch (error) {
    return { ok: false, version, why: `cannot be loaded: ${messageOf(error)}` }
  }
}
