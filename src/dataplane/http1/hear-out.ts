import type { Socket } from 'node:net'

type WriteCallback = (error?: Error | null) => void

/**
 * Lets an upstream that answers and closes while a body goes up (413 and the like) be heard: a write into such a connection fails, and
 * Node would close it at once with the answer unread. So the failure is told a turn of the event loop later. Only for who sends bodies: it
 * costs a closure for each write.
 */
export function hearOut(socket: Socket): void {
  if (Object.hasOwn(socket, '_write')) return
  const write = socket._write.bind(socket)
  const writev = socket._writev?.bind(socket)
  socket._write = (chunk, encoding, callback) => write(chunk, encoding, afterReading(callback))
  if (writev) socket._writev = (chunks, callback) => writev(chunks, afterReading(callback))
}

function afterReading(callback: WriteCallback): WriteCallback {
  return (error) => {
    if (!error) return callback()
    // The first may come before the loop looks for what can be read, the second comes after.
    setImmediate(() => setImmediate(callback, error))
  }
}
