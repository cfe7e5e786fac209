import { createReadStream, createWriteStream } from 'node:fs'
import { open, rename, rm, stat } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { formatExport, parseExport, type KvEntry } from './kv-export.ts'
import { GatewayError, messageOf } from '../errors.ts'
import type { CommandIo } from './command.ts'
import { exitCode } from './exit-codes.ts'
import type { RegistryConnection } from './registry-request.ts'

/** What the subcommands of `meshgate registry` do with the one thing that they are given. */
export type DataCommand = (registry: RegistryConnection, argument: string, io: CommandIo) => Promise<number>

/** Writes all that a registry knows into a file; the file is there whole or not at all. */
export const backup: DataCommand = async (registry, file, io) => {
  const partial = `${file}.partial`
  try {
    const { body } = await registry.send({ method: 'GET', path: '/v1/snapshot' })
    await pipeline(body, createWriteStream(partial, { mode: 0o600 }))
    const handle = await open(partial, 'r')
    await handle.sync()
    await handle.close()
    await rename(partial, file)
  } catch (error) {
    await rm(partial, { force: true })
    throw error instanceof GatewayError ? error : fileProblem(file, 'written', error)
  }
  io.out(`${file}: ${(await stat(file)).size} bytes\n`)
  return exitCode.ok
}

/** Puts a backup in the place of everything that a registry knows; a damaged one is refused and changes nothing. */
export const restore: DataCommand = async (registry, file, io) => {
  const found = await stat(file).catch((error: unknown) => {
    throw fileProblem(file, 'read', error)
  })
  if (!found.isFile()) throw fileProblem(file, 'read', new Error('it is no file'))
  const { size } = found
  const answer = await registry.send({ method: 'PUT', path: '/v1/snapshot', body: createReadStream(file), bodyBytes: size })
  await answer.body.dump()
  io.out(`${file} is restored\n`)
  return exitCode.ok
}

/** Prints the KV entries below a prefix as `consul kv export` does. */
export const exportKv: DataCommand = async (registry, prefix, io) => {
  const answer = await registry.send({ method: 'GET', path: `/v1/kv/${encodeKey(prefix)}?recurse=`, expect: [404] })
  const text = await answer.body.text()
  io.out(formatExport(answer.statusCode === 404 ? '[]' : text))
  return exitCode.ok
}

const importedAtOnce = 8

/** Sets the entries of a file of `consul kv export`; others stay. The file is read whole before the first is set. */
export const importKv: DataCommand = async (registry, file, io) => {
  const left = [...parseExport(await readAll(file), file)]
  const count = left.length
  const setSome = async (): Promise<void> => {
    for (let entry = left.shift(); entry; entry = left.shift()) await setEntry(registry, entry)
  }
  await Promise.all(Array.from({ length: importedAtOnce }, setSome))
  io.out(`${count} ${count === 1 ? 'entry' : 'entries'} imported\n`)
  return exitCode.ok
}

async function setEntry(registry: RegistryConnection, entry: KvEntry): Promise<void> {
  const { key, flags, value } = entry
  const flagsQuery = flags === 0n ? '' : `?flags=${flags}`
  const path = `/v1/kv/${encodeKey(key)}${flagsQuery}`
  const answer = await registry.send({ method: 'PUT', path, body: value, expect: [301, 400, 413, 414] })
  const text = await answer.body.text()
  if (text === 'true') return
  // A key with empty segments, dots or control characters, or a very long one: Consul keeps it, but takes it in a transaction only.
  if (answer.statusCode === 301 || answer.statusCode === 400 || answer.statusCode === 414)
    return setInTransaction(registry, entry)
  throw notStored(key, text)
}

async function setInTransaction(registry: RegistryConnection, { key, flags, value }: KvEntry): Promise<void> {
  const operation = `"Verb":"set","Key":${JSON.stringify(key)},"Flags":${flags},"Value":"${value.toString('base64')}"`
  const body = Buffer.from(`[{"KV":{${operation}}}]`)
  const answer = await registry.send({ method: 'PUT', path: '/v1/txn', body, expect: [400, 409, 413] })
  const text = await answer.body.text()
  if (answer.statusCode !== 200) throw notStored(key, text)
}

function notStored(key: string, answer: string): GatewayError {
  return new GatewayError('registry_refused', `the registry did not store ${JSON.stringify(key)}: ${answer}`)
}

/** The file's text; `-` is standard input. */
async function readAll(file: string): Promise<string> {
  const stream = file === '-' ? process.stdin : createReadStream(file)
  const chunks: Buffer[] = []
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk)
  } catch (error) {
    throw fileProblem(file, 'read', error)
  }
  return Buffer.concat(chunks).toString()
}

function encodeKey(key: string): string {
  return key.split('/').map(encodeURIComponent).join('/')
}

function fileProblem(file: string, verb: 'read' | 'written', cause: unknown): GatewayError {
  return new GatewayError('file_unusable', `${file} cannot be ${verb}: ${messageOf(cause)}`, { cause })
}
