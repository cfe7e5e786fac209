/** Asks one DNS server over UDP as fast as it answers: `dns-load.ts PORT SECONDS WINDOW NAME TYPE`; prints the number of answers as JSON. */
import { createSocket } from 'node:dgram'
import { encode, type RecordType } from 'dns-packet'

const [port = '0', seconds = '3', window = '64', name = 'bench.service.consul', type = 'A'] = process.argv.slice(2)
const query = encode({
  type: 'query',
  flags: 0x100,
  questions: [{ name, type: type as RecordType }],
  additionals: [
    { type: 'OPT', name: '.', udpPayloadSize: 1232, extendedRcode: 0, ednsVersion: 0, flags: 0, flag_do: false, options: [] },
  ],
})
const socket = createSocket({ type: 'udp4', lookup: (host, _, done) => done(null, host, 4) })
let [answered, sent, answersInLast] = [0, 0, 0]
let running = true
const send = (): void => {
  query.writeUInt16BE(sent++ & 0xffff, 0)
  socket.send(Buffer.from(query), Number(port), '127.0.0.1')
}
socket.on('message', (answer) => {
  answered++
  answersInLast = answer.readUInt16BE(6)
  if (running) send()
})
const startedAt = performance.now()
let before = 0
// What is lost on the way is sent anew, so that the window stays full.
const refill = setInterval(() => {
  if (answered === before) for (let at = 0; at < Number(window); at++) send()
  before = answered
}, 200)
for (let at = 0; at < Number(window); at++) send()
setTimeout(
  () => {
    running = false
    clearInterval(refill)
    const perSecond = (answered * 1000) / (performance.now() - startedAt)
    console.log(JSON.stringify({ answered, perSecond, answersInLast }))
    socket.close()
  },
  Number(seconds) * 1000,
)
