/** Longer lines than this are none of ours: a request's head is limited to far less. Bytes. */
export const MAX_LINE_BYTES = 64 * 1024
const LINE_BREAK = 0x0a

/** One line of a log; `text` is null if it is too long to be read. */
export interface NumberedLine {
  readonly number: number
  readonly text: string | null
}

/** Cuts a log into lines as it comes; of a line that does not end only its number is kept. Empty lines are left out. */
export async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<NumberedLine> {
  let [number, rest, isTooLong] = [1, Buffer.alloc(0), false]
  for await (const chunk of chunks) {
    let from = 0
    for (let end = chunk.indexOf(LINE_BREAK); end >= 0; end = chunk.indexOf(LINE_BREAK, from)) {
      const line = lineOf(number, Buffer.concat([rest, chunk.subarray(from, end)]), isTooLong)
      if (line) yield line
      ;[number, rest, isTooLong, from] = [number + 1, Buffer.alloc(0), false, end + 1]
    }
    rest = Buffer.concat([rest, chunk.subarray(from)])
    if (rest.length > MAX_LINE_BYTES) [rest, isTooLong] = [Buffer.alloc(0), true]
  }
  const last = lineOf(number, rest, isTooLong)
  if (last) yield last
}

function lineOf(number: number, bytes: Buffer, isTooLong: boolean): NumberedLine | null {
  if (isTooLong || bytes.length > MAX_LINE_BYTES) return { number, text: null }
  const text = bytes.toString('utf8').trim()
  return text === '' ? null : { number, text }
}
