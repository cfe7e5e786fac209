import { loadUserModule } from '../user-modules.ts'
import type { InterpolationContext } from './interpolate.ts'
import { MAX_FILE_BYTES } from './file.ts'
import { ConfigError } from './problem.ts'
import { YamlSource } from './yaml-source.ts'

/** Loads the modules that the filters and tasks of a config file name, those that have changed anew: parsing looks at what was loaded. Never rejects. */
export async function loadNamedModules(text: string, name: string, context: InterpolationContext): Promise<void> {
  if (!text.includes('module')) return
  const files = new Set(modulesIn(valueOf(text, name, context)))
  await Promise.all([...files].map(loadUserModule))
}

function valueOf(text: string, name: string, context: InterpolationContext): unknown {
  try {
    return new YamlSource(text, { name, maxBytes: MAX_FILE_BYTES, whenEmpty: 'is empty', context }).value
  } catch (error) {
    // What is wrong is told when the file is parsed.
    if (error instanceof ConfigError) return null
    throw error
  }
}

function modulesIn(value: unknown): readonly string[] {
  const { routes, tasks } = record(value)
  const filters = list(routes).flatMap((route) => list(record(route)['filters']))
  return [...filters, ...list(tasks)].flatMap((step) => {
    const { file } = record(record(step)['module'])
    return typeof file === 'string' ? [file] : []
  })
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}
