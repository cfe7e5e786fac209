import type { ConfigLayers } from '../../config/assemble.ts'
import type { ListenerConfig } from '../../config/config.ts'
import { formatPlace } from '../../config/problem.ts'
import type { UpstreamDeclaration, UpstreamSettings } from '../../config/schema/upstream.ts'

/** Whose forwarding fields are believed where clients from outside come in. */
export function frontTrust(listeners: readonly ListenerConfig[]): readonly string[] {
  return listeners.find(({ mode }) => mode === 'front')?.trust ?? []
}

/** Where a route is written: `gateway.yaml:7:3`. */
export function placeOfRoute(name: string, { file, entries }: ConfigLayers): string | null {
  const entry = entries.find(({ kind, value }) => kind === 'route' && value.name === name)
  const place = entry?.place ?? file.routes.find(({ value }) => value.name === name)?.place
  return place ? formatPlace(place) : null
}

/** What an upstream says by itself, and where; an upstream that nobody declares says nothing. */
export function declarationOf(
  name: string,
  { file, entries }: ConfigLayers,
): { readonly settings: UpstreamDeclaration; readonly at: string | null } {
  for (const entry of entries)
    if (entry.kind === 'upstream' && entry.value.name === name)
      return { settings: entry.value.settings, at: formatPlace(entry.place) }
  const written = file.upstreams.find(({ value }) => value.name === name)
  return { settings: written?.value.settings ?? {}, at: written ? formatPlace(written.place) : null }
}

export function defaultsOf({ file }: ConfigLayers): { readonly settings: UpstreamSettings; readonly at: string } {
  return { settings: file.defaults, at: file.name }
}
