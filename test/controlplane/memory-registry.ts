import type { KvEntry, Registry } from '../../src/registry/registry.ts'

/** A registry that is nothing but a KV store in memory, which answers at once: for tests that move time by hand. */
export function memoryRegistry(changes: Partial<Registry> = {}): Registry {
  const entries = new Map<string, KvEntry>()
  let index = 0n
  const watches = new Set<{ readonly prefix: string; readonly tell: () => void }>()
  const below = (prefix: string): readonly KvEntry[] => [...entries.values()].filter(({ key }) => key.startsWith(prefix))
  return {
    contact: { freshSince: 0, lastError: null },
    kv: {
      get: async (key) => entries.get(key) ?? null,
      list: async (prefix) => below(prefix),
      keys: async (prefix) => [...entries.keys()].filter((key) => key.startsWith(prefix)),
      put: async (key, value, { cas } = {}) => {
        const before = entries.get(key)
        if (cas !== undefined && cas !== (before?.modifyIndex ?? 0n)) return false
        index++
        const createIndex = before?.createIndex ?? index
        const bytes = Buffer.from(value as string)
        entries.set(key, { key, value: bytes, flags: 0n, session: null, lockIndex: 0n, createIndex, modifyIndex: index })
        for (const { prefix, tell } of watches) if (key.startsWith(prefix)) tell()
        return true
      },
      delete: async (key) => {
        entries.delete(key)
        return true
      },
    },
    watchInstances: unused,
    watchServices: unused,
    watchPrefix: (prefix, { onValue }) => {
      const watch = { prefix, tell: () => void setImmediate(() => watches.has(watch) && onValue(below(prefix))) }
      watches.add(watch)
      watch.tell()
      return { freshSince: 0, close: () => void watches.delete(watch) }
    },
    datacenters: unused,
    openSession: unused,
    register: unused,
    deregister: unused,
    removeInstance: unused,
    reportHealth: unused,
    ownNodeMeta: unused,
    criticalInstances: unused,
    snapshot: unused,
    close: async () => {},
    ...changes,
  }
}

function unused(): never {
  throw new Error('not part of this test')
}
