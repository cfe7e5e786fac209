// A process of its own that stands for an instance, which can be told to be sick: test/support/sick-instance.ts starts it.
import { createServer, type Socket } from 'node:net'

const body = 'a'.repeat(200)
const answer = `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`

let mode = 'well'

const behaviours: Readonly<Record<string, (socket: Socket) => void>> = {
  well: (socket) => void socket.write(answer),
  reset: (socket) => void socket.resetAndDestroy(),
  half: (socket) => void socket.write(answer.slice(0, -100), () => socket.resetAndDestroy()),
  // One octet now and then: the head of the answer never comes to its end.
  slow: (socket) => {
    let sent = 0
    const timer = setInterval(() => void (sent < 30 ? socket.write(answer[sent++] ?? '') : clearInterval(timer)), 200)
    socket.on('close', () => clearInterval(timer))
  },
}

const server = createServer((socket) => {
  socket.on('error', () => {})
  let seen = ''
  socket.on('data', (chunk: Buffer) => {
    seen += chunk.toString('latin1')
    while (seen.includes('\r\n\r\n')) {
      seen = seen.slice(seen.indexOf('\r\n\r\n') + 4)
      behaviours[mode]?.(socket)
    }
  })
})

server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => process.send?.((server.address() as { port: number }).port))
process.on('message', (next: string) => void (mode = next))
process.on('disconnect', () => process.exit())
