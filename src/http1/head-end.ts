/**
 * Where the empty line of a head begins that begins with `text`, so that what stands before it are whole lines; -1: it is not there. A text
 * with an empty line in front is not for this: the collector decides on it.
 */
export function headEnd(text: string): number {
  const at = text.indexOf('\r\n\r\n')
  return at <= 0 || text.charCodeAt(0) === 0x0d ? -1 : at + 2
}
