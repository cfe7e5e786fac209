// Answers each WebSocket message with itself, and plain requests with 426: `node echo-server.ts PORT`.
import { WebSocketServer } from 'ws'

new WebSocketServer({ port: Number(process.argv[2]), host: '127.0.0.1', perMessageDeflate: false }).on('connection', (socket) => {
  socket.on('message', (message, isBinary) => socket.send(message, { binary: isBinary }))
})
