import type { Socket } from 'node:net'
import { buildConnector } from 'undici'

type WriteCallback = (error?: Error | null) => void

/** Opens the connections of an endpoint, within `connectMs`. */
export function connectorOf(connectMs: number): buildConnector.connector {
  const connect = buildConnector({ timeout: connectMs, allowH2: false })
  return (options, callback) =>
    connect(options, (...[error, socket]) => {
      if (error) return callback(error, null)
      hearOut(socket)
      callback(null, socket)
    })
}

/**
 * Lets an upstream that answers and closes while a body streams up (413 and the like) be heard: a write into such a connection fails, and
 * Node would close it at once with the answer unread. So the failure is told a turn of the event loop later.
 */
function hearOut(socket: Socket): void {
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
