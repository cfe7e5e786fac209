/** Values of one level; what is not set comes from the level above. */
export type Layer<T extends object> = { readonly [K in keyof T]?: T[K] | null | undefined } | undefined

/** The base with every value replaced that a later layer sets. */
export function overlay<T extends object>(base: T, ...layers: readonly Layer<T>[]): T {
  const set = layers.flatMap((layer) => Object.entries(layer ?? {})).filter(([, value]) => value !== undefined && value !== null)
  return { ...base, ...(Object.fromEntries(set) as Partial<T>) }
}

/** Like {@link overlay} for what can be off, which it is when the last layer that says anything says so, or none does; null: off. */
export function overlayOrOff<T extends object>(base: T, ...layers: readonly (Layer<T> | 'off')[]): T | null {
  const said = layers.filter((layer) => layer !== undefined)
  if ((said.at(-1) ?? 'off') === 'off') return null
  return overlay(base, ...said.filter((layer) => layer !== 'off'))
}
