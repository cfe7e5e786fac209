import { nodeHttp } from '../node-http.ts'

const lines: string[] = []
for (let status = 100; status < 600; status++) lines[status] = `HTTP/1.1 ${status} ${nodeHttp.STATUS_CODES[status] ?? ''}\r\n`

/** The first line of an answer. RFC 9112 §2.3: in our version, whatever the client's is. */
export function statusLine(status: number): string {
  return lines[status] ?? `HTTP/1.1 ${status} \r\n`
}
