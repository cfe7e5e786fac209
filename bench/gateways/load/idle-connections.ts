// Opens keep-alive connections, one request on each, holds them and prints "held" with their number; ends with its input: `node idle-connections.ts PORT COUNT`.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

const [port = 0, count = 0] = process.argv.slice(2).map(Number)
const request = 'GET /idle HTTP/1.1\r\nHost: bench\r\nUser-Agent: idle\r\nAccept: */*\r\n\r\n'
/** At a time: more would overflow the listen queue. */
const wave = 100
let open = 0

for (let opened = 0; opened < count; opened += wave) await Promise.all(Array.from({ length: wave }, openOne))
console.log(`held ${open}`)
process.stdin.on('data', () => console.log(`held ${open}`)).on('end', () => process.exit(0))

async function openOne(): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.on('error', () => {})
  socket.on('close', () => open--)
  await once(socket, 'connect')
  open++
  socket.write(request)
  await once(socket, 'data')
  return socket
}
