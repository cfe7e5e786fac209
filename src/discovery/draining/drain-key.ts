/** One instance of a service, as people name it: `shop/shop-1`. */
export interface InstanceName {
  readonly service: string
  readonly id: string
}

export function instanceText({ service, id }: InstanceName): string {
  return `${service}/${id}`
}

/** Parses `SERVICE/ID`; the id may have slashes. Null: it is not of that form. */
export function parseInstanceText(text: string): InstanceName | null {
  const slash = text.indexOf('/')
  return slash < 1 || slash === text.length - 1 ? null : { service: text.slice(0, slash), id: text.slice(slash + 1) }
}

/** The folder of the keys. */
export function drainFolder(prefix: string): string {
  return `${prefix}/drains/`
}

/** The key that drains an instance: what a key should not have is written `~xx`, by its UTF-8 bytes. */
export function drainKey(prefix: string, { service, id }: InstanceName): string {
  return `${drainFolder(prefix)}${encoded(service)}/${encoded(id)}`
}

/** The instance that a key drains; null: none, as the key that stands for the folder. */
export function drainedBy(prefix: string, key: string): InstanceName | null {
  const [service = '', id = '', ...more] = key.slice(drainFolder(prefix).length).split('/')
  if (service === '' || id === '' || more.length > 0) return null
  return { service: decoded(service), id: decoded(id) }
}

function encoded(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9_.-]+/g, (part) =>
    [...Buffer.from(part)].map((byte) => `~${byte.toString(16).padStart(2, '0')}`).join(''),
  )
}

function decoded(text: string): string {
  return text.replaceAll(/(?:~[0-9a-f]{2})+/g, (part) => Buffer.from(part.replaceAll('~', ''), 'hex').toString())
}
