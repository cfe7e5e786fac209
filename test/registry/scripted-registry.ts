import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'

/** One request as it arrived. */
export interface SeenRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** An answer; `hang`: none ever; `reset`: the connection is cut; `truncated`: half a body, then cut. */
export type Scripted =
  | { readonly status?: number; readonly index?: string | null; readonly body: string }
  | 'hang'
  | 'reset'
  | 'truncated'

/** A registry on a real socket that answers as a test says: for what the real one does only when it is broken. */
export interface ScriptedRegistry {
  readonly address: string
  readonly seen: readonly SeenRequest[]
  /** Requests whose connection the client has cut. */
  readonly cuts: number
  readonly close: () => Promise<void>
  /** Listens on the same port again. */
  readonly reopen: () => Promise<void>
}

/** `answer` gets the number of the request, from 0. The caller closes it. */
export async function startScriptedRegistry(answer: (nth: number, request: SeenRequest) => Scripted): Promise<ScriptedRegistry> {
  const seen: SeenRequest[] = []
  let cuts = 0
  const onRequest = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk as Buffer)
    const url = new URL(incoming.url ?? '/', 'http://registry')
    const { method = '', headers } = incoming
    const request = { method, path: url.pathname, query: url.searchParams, headers, body: Buffer.concat(chunks).toString() }
    seen.push(request)
    response.on('close', () => {
      if (!response.writableEnded) cuts++
    })
    reply(response, answer(seen.length - 1, request))
  }
  let server = await open(onRequest, 0)
  const { port } = server.address() as { port: number }
  return {
    address: `http://127.0.0.1:${port}`,
    seen,
    get cuts() {
      return cuts
    },
    close: async () => {
      if (!server.listening) return
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
    reopen: async () => {
      server = await open(onRequest, port)
    },
  }
}

async function open(
  onRequest: (incoming: IncomingMessage, response: ServerResponse) => Promise<void>,
  port: number,
): Promise<Server> {
  const server = createServer((incoming, response) => void onRequest(incoming, response).catch(() => response.destroy()))
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return server
}

function reply(response: ServerResponse, scripted: Scripted): void {
  if (scripted === 'hang') return
  if (scripted === 'reset') return void response.destroy()
  if (scripted === 'truncated') {
    response.writeHead(200, { 'x-consul-index': '99', 'content-length': '1000' })
    response.write('[{"No', () => response.destroy())
    return
  }
  const { status = 200, index = null, body } = scripted
  response.writeHead(status, index === null ? {} : { 'x-consul-index': index })
  response.end(body)
}

/** The body of `health/service/<service>` for instances on these ports of one node. */
export function healthBody(service: string, ports: readonly number[]): string {
  return JSON.stringify(
    ports.map((port) => ({
      Node: { Node: 'n1', Address: '127.0.0.1' },
      Service: { ID: `${service}-${port}`, Service: service, Address: '', Port: port, Tags: null, Meta: null },
      Checks: [],
    })),
  )
}
