import { Agent, request } from 'undici'
import type { Replica } from './replica.ts'

export interface MarkedLoadResult {
  readonly sent: number
  /** Requests that no replica answered well. */
  readonly failed: number
  /** What went wrong, at most 20 of them. */
  readonly failures: readonly string[]
  /** For each life of each replica and each client: the markers in the order in which they were seen, repeats left out. */
  readonly sightings: readonly (readonly string[])[]
}

export interface MarkedLoad {
  /** May be called again. */
  stop(): Promise<MarkedLoadResult>
}

interface Sighting {
  readonly life: number
  readonly markers: string[]
}

/** How often one request is sent, to another replica each time, as a client of a fleet does. */
const ATTEMPTS = 3
const PAUSE_MS = 10

/**
 * Sends GET requests to the paths in turn, from two loops per replica, until stopped. The field `x-marker` of the answers tells what was
 * in force. Only what breaks because its replica was killed is sent again; any other broken answer, and any status but 200, fails.
 */
export function startMarkedLoad(replicas: readonly Replica[], paths: readonly string[]): MarkedLoad {
  const dispatcher = new Agent({ connections: 8, pipelining: 1 })
  const stopping = new AbortController()
  const failures: string[] = []
  const sightings: Sighting[] = []
  let [sent, failed] = [0, 0]

  const once = async (at: number, path: string, seen: Sighting): Promise<Sighting> => {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const replica = replicas[(at + attempt) % replicas.length] as Replica
      const { life } = replica
      if (!replica.isAlive) continue
      const answer = await markerOf(`${replica.gateway.web}${path}`, dispatcher)
      if (answer instanceof Error && replica.life !== life) continue
      if (answer instanceof Error) throw answer
      return attempt === 0 ? note(answer, life, seen) : seen
    }
    throw new Error('no replica answered')
  }
  const note = (marker: string, life: number, seen: Sighting): Sighting => {
    const current = seen.life === life ? seen : { life, markers: [] }
    if (current !== seen) sightings.push(current)
    if (current.markers.at(-1) !== marker) current.markers.push(marker)
    return current
  }
  const loop = async (at: number): Promise<void> => {
    let seen: Sighting = { life: -1, markers: [] }
    for (let turn = 0; !stopping.signal.aborted; turn++) {
      const path = paths[turn % paths.length] ?? '/'
      sent++
      try {
        seen = await once(at, path, seen)
      } catch (error) {
        failed++
        if (failures.length < 20) failures.push(`${replicas[at]?.gateway.web}${path}: ${String(error)}`)
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
  }

  const loops = replicas.flatMap((_, at) => [loop(at), loop(at)])
  const end = async (): Promise<MarkedLoadResult> => {
    stopping.abort()
    await Promise.all(loops)
    await dispatcher.close()
    return { sent, failed, failures, sightings: sightings.map(({ markers }) => markers) }
  }
  let ended: Promise<MarkedLoadResult> | null = null
  return { stop: () => (ended ??= end()) }
}

async function markerOf(url: string, dispatcher: Agent): Promise<string | Error> {
  try {
    const answer = await request(url, { dispatcher })
    const text = await answer.body.text()
    return answer.statusCode === 200 ? String(answer.headers['x-marker']) : new Error(`${answer.statusCode} ${text}`)
  } catch (error) {
    return error as Error
  }
}

/**
 * Whether what one client saw of one replica can be what was put in force one after another: some may be left out, none comes early,
 * late or twice. A replica that serves a mix of two shows one of them twice.
 */
export function isInOrder(seen: readonly string[], putInForce: readonly string[]): boolean {
  let from = 0
  for (const marker of seen) {
    const at = putInForce.indexOf(marker, from)
    if (at < 0) return false
    from = at + 1
  }
  return true
}
