/** An IPv4 address, or the /64 of an IPv6 address: who has one address of it has all 2^64 of them. */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('%', 1)[0]?.toLowerCase().split('::') ?? []
  const front = head === '' ? [] : head.split(':')
  if (tail === undefined) return front.slice(0, 4).map(shortest).join(':')
  const back = tail === '' ? [] : tail.split(':')
  // A dotted end stands for two groups.
  const groups = 8 - front.length - back.length - (tail.includes('.') ? 1 : 0)
  const all = [...front, ...Array<string>(Math.max(groups, 0)).fill('0'), ...back]
  return all.slice(0, 4).map(shortest).join(':')
}

function shortest(group: string): string {
  return group.replace(/^0+(?=.)/, '')
}
