import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { libraryPath, programOf } from '../programs.ts'
import { runLoad } from './run-load.ts'

export interface ClosedLoop {
  readonly path?: string
  /** Octets of a POST. */
  readonly bodyBytes?: number
  /** Asks for pages below `/route-N/` by turns, over all of them. */
  readonly routes?: number
  /** Fields of each request. */
  readonly fields?: Readonly<Record<string, string>>
  /** A new connection for each request. */
  readonly isClosing?: boolean
}

/** So many pages are asked for by turns, evenly spread over all routes: as many of ten as of 10,000, so that only the tables differ. */
const ASKED_PAGES = 50

/** wrk: 64 connections, each sends as soon as it is answered. Gives the number of answers; throws if one was not 2xx. */
export async function closedLoop(port: number, seconds: number, folder: string, what: ClosedLoop): Promise<number> {
  const script = join(folder, 'load.lua')
  writeFileSync(script, scriptOf(what))
  const url = `http://127.0.0.1:${port}${what.path ?? '/'}`
  const command = [programOf('wrk'), '-t1', '-c64', `-d${seconds}s`, '-s', script, url]
  const printed = await runLoad(command, seconds, { LD_LIBRARY_PATH: libraryPath })
  const wrong = /Non-2xx or 3xx responses: \d+|Socket errors: .*/.exec(printed)?.[0]
  const done = Number(/(\d+) requests in/.exec(printed)?.[1] ?? 0)
  if (wrong !== undefined || done === 0) throw new Error(`of ${done} answers, ${wrong ?? printed}`)
  return done
}

function scriptOf({ bodyBytes, routes, isClosing, fields = {} }: ClosedLoop): string {
  const lines = ['wrk.headers["User-Agent"] = "wrk"', 'wrk.headers["Accept"] = "*/*"']
  for (const [name, value] of Object.entries(fields)) lines.push(`wrk.headers["${name}"] = "${value}"`)
  if (isClosing) lines.push('wrk.headers["Connection"] = "close"')
  if (bodyBytes) lines.push('wrk.method = "POST"', `wrk.body = string.rep("x", ${bodyBytes})`)
  if (routes) lines.push(routeTurns(routes))
  return `${lines.join('\n')}\n`
}

function routeTurns(routes: number): string {
  const page = `wrk.format("GET", "/route-" .. math.floor(i * ${routes / ASKED_PAGES}) .. "/page-" .. i)`
  return `local turns, turn = {}, 0
init = function() for i = 0, ${ASKED_PAGES - 1} do turns[i] = ${page} end end
request = function() turn = (turn + 1) % ${ASKED_PAGES}; return turns[turn] end`
}
