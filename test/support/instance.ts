import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'

/** A small HTTP server that stands for an instance of somebody's service. */
export interface TestInstance {
  readonly name: string
  readonly port: number
  /** Requests it has answered. */
  readonly hits: number
  /** Closes it at once with all its connections, as a crash does. */
  kill(): Promise<void>
  /** Starts it again on the same port. */
  restart(): Promise<void>
  /** Says who takes its upgrades. */
  onUpgrade(take: (request: IncomingMessage, socket: Duplex, head: Buffer) => void): void
}

export type Answer = (request: IncomingMessage, response: ServerResponse) => void

/** Starts an instance that answers its own name, or as `answer` says. The caller kills it. */
export async function startInstance(name: string, answer?: Answer, port = 0): Promise<TestInstance> {
  let hits = 0
  const open = async (on: number) => {
    const server = createServer((request, response) => {
      hits++
      if (answer) return answer(request, response)
      request.resume()
      response.end(name)
    })
    server.listen(on, '127.0.0.1')
    await once(server, 'listening')
    return server
  }
  let server = await open(port)
  const bound = (server.address() as { port: number }).port
  return {
    name,
    port: bound,
    get hits() {
      return hits
    },
    kill: async () => {
      if (!server.listening) return
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
    restart: async () => {
      server = await open(bound)
    },
    onUpgrade: (take) => void server.on('upgrade', take),
  }
}
