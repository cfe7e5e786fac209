// Sends messages of 64 bytes on WebSockets, each as soon as the one before came back, and prints how many: `node echo-load.ts PORT CONNECTIONS SECONDS`.
import { once } from 'node:events'
import { WebSocket } from 'ws'

const [port, connections = 1, seconds = 1] = process.argv.slice(2).map(Number)
const message = Buffer.alloc(64, 'x')
let echoed = 0
const sockets = await Promise.all(
  Array.from({ length: connections }, async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { perMessageDeflate: false })
    await once(socket, 'open')
    return socket
  }),
)
for (const socket of sockets) {
  socket.on('message', () => {
    echoed++
    socket.send(message)
  })
  socket.on('close', () => {
    console.error('a WebSocket was closed')
    process.exit(1)
  })
  socket.send(message)
}
await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
console.log(JSON.stringify({ done: echoed }))
process.exit(0)
