// What a service does so that scheduled work has its effect once: it refuses a leader of yesterday by X-Fencing-Token, and answers
// what it has done already from memory by Idempotency-Key. Work that must be done once even if this process dies in the middle belongs into
// one transaction with the note that it is done. Run it: node examples/tasks/receiver.ts 9090 ./receiver.json
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { pathToFileURL } from 'node:url'

/** So many answers are remembered: more than there are fires for as long as a run may be repeated (startWithin). */
const MAX_REMEMBERED = 10_000

interface Memory {
  /** The greatest token seen. */
  token: string
  /** Idempotency-Key → what was answered. */
  done: Record<string, string>
}

/** Serves POST /run; `work` is done once per key. The memory outlives the process in `file`. */
export function createReceiver(file: string, work: (key: string) => Promise<string>): Server {
  const memory = read(file)
  const underWay = new Map<string, Promise<string>>()
  const server = createServer((request, response) => {
    request.resume()
    const token = String(request.headers['x-fencing-token'] ?? '')
    const key = String(request.headers['idempotency-key'] ?? '')
    const answer = (status: number, text: string): void => void response.writeHead(status).end(`${text}\n`)
    if (!/^\d+$/.test(token) || key === '') return answer(400, 'X-Fencing-Token and Idempotency-Key are needed')
    if (BigInt(token) < BigInt(memory.token)) return answer(409, `token ${token} is of a former leader: ${memory.token} was here`)
    // Before the work: after a crash the former leader must still be refused.
    if (BigInt(token) > BigInt(memory.token) && !keep(token)) return answer(500, 'the token cannot be kept')
    const before = Object.hasOwn(memory.done, key) ? memory.done[key] : undefined
    if (before !== undefined) return answer(200, before)
    // A repeated request while the first one is under way waits for the same work.
    const running = underWay.get(key) ?? once(key)
    running.then(
      (said) => answer(200, said),
      (error: unknown) => answer(500, String(error)),
    )
  })
  const keep = (token: string): boolean => {
    try {
      save(file, { ...memory, token })
      memory.token = token
      return true
    } catch {
      // The disk is full, or the file not ours: to work without it would let the former leader in.
      return false
    }
  }
  const once = (key: string): Promise<string> => {
    const running = work(key)
      .then((said) => {
        remember(memory, key, said)
        save(file, memory)
        return said
      })
      .finally(() => underWay.delete(key))
    underWay.set(key, running)
    return running
  }
  return server
}

function remember({ done }: Memory, key: string, said: string): void {
  done[key] = said
  const [oldest] = Object.keys(done)
  if (oldest !== undefined && Object.keys(done).length > MAX_REMEMBERED) delete done[oldest]
}

function read(file: string): Memory {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Memory
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return { token: '0', done: {} }
    throw error
  }
}

/** Whole or not at all. */
function save(file: string, memory: Memory): void {
  writeFileSync(`${file}.new`, JSON.stringify(memory), { flush: true })
  renameSync(`${file}.new`, file)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [, , port = '9090', file = './receiver.json'] = process.argv
  createReceiver(file, async (key) => `done: ${key}`).listen(Number(port), '127.0.0.1')
}
