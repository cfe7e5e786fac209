import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { libraryPath, programOf } from '../programs.ts'
import { runLoad } from './run-load.ts'

export interface ClosedLoop {
  readonly path?: string
  /** Octets of a POST. */
  readonly bodyBytes?: number
  /** Asks for `/route-N/` by turns, over all of them. */
  readonly routes?: number
  /** A new connection for each request. */
  readonly isClosing?: boolean
}

/** So many routes are asked for by turns, evenly spread over all that there are. */
const ASKED_ROUTES = 50

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

function scriptOf({ bodyBytes, routes, isClosing }: ClosedLoop): string {
  const lines = ['wrk.headers["User-Agent"] = "wrk"', 'wrk.headers["Accept"] = "*/*"']
  if (isClosing) lines.push('wrk.headers["Connection"] = "close"')
  if (bodyBytes) lines.push('wrk.method = "POST"', `wrk.body = string.rep("x", ${bodyBytes})`)
  if (routes) lines.push(routeTurns(routes))
  return `${lines.join('\n')}\n`
}

function routeTurns(routes: number): string {
  const asked = Math.min(routes, ASKED_ROUTES)
  return `local turns, turn = {}, 0
init = function() for i = 0, ${asked - 1} do turns[i] = wrk.format("GET", "/route-" .. math.floor(i * ${routes / asked}) .. "/page") end end
request = function() turn = (turn + 1) % ${asked}; return turns[turn] end`
}
