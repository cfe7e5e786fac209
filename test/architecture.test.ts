import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

// Layer 1 rooms know layer 0 and themselves; what is above may look down. docs/architecture.md has the same table for people.
// An entry is a room (`health`), a folder or file below src (`dataplane/router`), or a file name in any room (`table.ts`).
const all = [
  'base',
  'http1',
  'dataplane',
  'registry',
  'health',
  'registry-server',
  'config',
  'discovery',
  'controlplane',
  'client',
  'workers',
  'admin',
  'cli',
  'app',
]
const mayImport: Readonly<Record<string, readonly string[]>> = {
  base: [],
  http1: ['base'],
  dataplane: ['base', 'http1'],
  registry: ['base'],
  health: ['base'],
  'registry-server': ['base', 'http1'],
  config: [
    'base',
    'table.ts',
    'dataplane/router',
    'dataplane/http/forwarded.ts',
    'dataplane/filters/filter.ts',
    'dataplane/balancer/balancer.ts',
    'dataplane/upstream/policy.ts',
    'dataplane/upstream/members.ts',
    'dataplane/upstream/faults.ts',
    'dataplane/upstream/outliers.ts',
    'dataplane/upstream/sticky.ts',
    'dataplane/upstream/where.ts',
    'dataplane/upstream/mirror.ts',
    'dataplane/mesh/mesh-rules.ts',
    'dataplane/mesh/mesh-policy.ts',
    'dataplane/request-key.ts',
    'dataplane/split.ts',
    'dataplane/limits.ts',
    'health/probe.ts',
    'health/policy.ts',
    'registry-server/dns/options.ts',
    'controlplane/tasks/schedule.ts',
    'controlplane/tasks/task-kind.ts',
  ],
  discovery: ['base', 'dataplane', 'registry', 'health', 'config/config.ts'],
  controlplane: ['base', 'dataplane', 'registry', 'health', 'config', 'discovery'],
  client: [
    'base',
    'http1',
    'dataplane/exchange.ts',
    'dataplane/http',
    'dataplane/mesh',
    'dataplane/upstream',
    'registry',
    'config',
    'discovery',
  ],
  workers: ['base', 'dataplane', 'config', 'discovery', 'controlplane'],
  admin: ['base', 'dataplane', 'discovery', 'controlplane', 'workers'],
  cli: all,
  app: all,
}

// A package that only some rooms may know. What is not here may be used by all but layer 0.
const packageRooms: Readonly<Record<string, readonly string[]>> = {
  pino: ['base'],
  'pino-pretty': ['base'],
  'prom-client': ['base'],
  yaml: ['config'],
  'node-cron': ['controlplane'],
  'http-proxy': ['dataplane'],
}

// Files beside the base files that put the parts together: they are of the top layer.
const compositionFiles = ['main.ts', 'app.ts', 'serving.ts', 'embedded-registry.ts']

const forbiddenNames = ['utils', 'helpers', 'common', 'misc', 'types', 'index', 'manager']
const longestFile = 300
const longestMedian = 120

interface Source {
  /** From the root of the project: `src/dataplane/gateway.ts`. */
  readonly path: string
  readonly text: string
}

const sources = filesBelow('src')
const bySourcePath = new Map(sources.map((source) => [source.path, source]))

describe('the layers', () => {
  it('import only what is below them', () => {
    const wrong = sources.flatMap(({ path, text }) =>
      localImports(path, text)
        .filter((target) => !isAllowed(path, target))
        .map(
          (target) =>
            `${path} imports ${target}: ${roomOf(path)} may import ${(mayImport[roomOf(path)] ?? []).join(', ') || 'nothing'}`,
        ),
    )
    report(wrong, 'Move what is shared down to src/*.ts, hand it in as a parameter, or change the table with a decision record.')
  })

  it('name only rooms that the table has', () => {
    const unknown = sources.filter(({ path }) => mayImport[roomOf(path)] === undefined).map(({ path }) => path)
    report(unknown, 'A new folder below src needs a line in the layer table of this test and in docs/architecture.md.')
  })

  it('use each package in its own room', () => {
    const wrong = sources.flatMap(({ path, text }) =>
      packageImports(text)
        .filter((name) => !mayUsePackage(roomOf(path), name))
        .map((name) => `${path} imports ${name}: it is for ${(packageRooms[name] ?? ['every room but layer 0']).join(', ')}`),
    )
    report(wrong, 'Use what that room exports, or change packageRooms in this test with a decision record.')
  })

  it('use no package that an installation would miss', () => {
    const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>
    }
    const missing = sources.flatMap(({ path, text }) =>
      packageImports(text)
        .filter((name) => !Object.hasOwn(dependencies, name))
        .map((name) => `${path} imports ${name}`),
    )
    report(missing, 'Add it to "dependencies" of package.json, pinned to a version.')
  })

  it('import each other in no circle', () => {
    const circle = findCircle()
    report(circle ? [circle.join(' -> ')] : [], 'Put what both need into a file of its own, or hand it in as a parameter.')
  })

  it('are described in docs/architecture.md', () => {
    const page = readFileSync(join(root, 'docs/architecture.md'), 'utf8')
    const folders = readdirSync(join(root, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory())
    const missing = folders.map(({ name }) => name).filter((name) => !page.includes(`\`${name}/\``))
    report(missing, 'Say in the table of docs/architecture.md what the folder is for.')
  })
})

describe('the files', () => {
  it(`have at most ${longestFile} lines, and half of them at most ${longestMedian}`, () => {
    const lengths = sources
      .map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
      .toSorted((a, b) => a.lines - b.lines)
    const tooLong = lengths.filter(({ lines }) => lines > longestFile).map(({ path, lines }) => `${path} has ${lines} lines`)
    report(tooLong, 'Find the second thing in the file and give it a file named for it.')
    const median = lengths[Math.floor(lengths.length / 2)]?.lines ?? 0
    assert.ok(median <= longestMedian, `the median file has ${median} lines, at most ${longestMedian}: split the longest ones`)
  })

  it('are named for what they hold, in kebab case', () => {
    const wrong = [...sources, ...filesBelow('test')].map(({ path }) => path).filter((path) => path.split('/').some(isBadName))
    report(wrong, `Use the word for the thing, as in backoff.ts, address.ts; never ${forbiddenNames.join(', ')}.`)
  })

  it('export by name and from where the code is', () => {
    const defaults = sources.filter(({ text }) => /^\s*export\s+default\b|^export\s*\{[^}]*\bas default\b/m.test(text))
    report(
      defaults.map(({ path }) => path),
      'Export it by name.',
    )
    const barrels = sources.filter(({ text }) => /^export\s+(?:type\s+)?(?:\*|\{[^}]*\})[^'"\n]*from\s/m.test(text))
    report(
      barrels.map(({ path }) => path),
      'Import it from the file that defines it; re-exports hide where code is.',
    )
  })
})

describe('the checks above', () => {
  it('see every kind of import', () => {
    const text = `import { a } from './a.ts'\nimport type {\n  B,\n} from '../b.ts'\nimport './c.ts'\nexport { d } from './d.ts'\nconst e = await import('./e.ts')\nimport { z } from 'zod'\n`
    assert.deepEqual(localImports('src/dataplane/x.ts', text), [
      'src/dataplane/a.ts',
      'src/b.ts',
      'src/dataplane/c.ts',
      'src/dataplane/d.ts',
      'src/dataplane/e.ts',
    ])
    assert.deepEqual(packageImports(text), ['zod'])
  })

  it('know the rooms apart', () => {
    assert.equal(isAllowed('src/dataplane/gateway.ts', 'src/errors.ts'), true)
    assert.equal(isAllowed('src/dataplane/gateway.ts', 'src/registry/registry.ts'), false)
    assert.equal(isAllowed('src/registry/registry.ts', 'src/registry-server/worker.ts'), false)
    assert.equal(isAllowed('src/config/schema.ts', 'src/dataplane/filters/table.ts'), true)
    assert.equal(isAllowed('src/config/schema.ts', 'src/dataplane/gateway.ts'), false)
    assert.equal(isAllowed('src/errors.ts', 'src/app.ts'), false)
    assert.equal(isAllowed('src/main.ts', 'src/cli/run.ts'), true)
  })
})

function isAllowed(from: string, to: string): boolean {
  const [room, targetRoom] = [roomOf(from), roomOf(to)]
  if (room === targetRoom) return true
  const below = to.slice('src/'.length)
  return (mayImport[room] ?? []).some((entry) => {
    if (entry === targetRoom || entry === below) return true
    return entry === 'table.ts' ? below.endsWith('/table.ts') : entry.includes('/') && below.startsWith(`${entry}/`)
  })
}

function mayUsePackage(room: string, name: string): boolean {
  const rooms = packageRooms[name]
  return rooms ? rooms.includes(room) : room !== 'base'
}

function roomOf(path: string): string {
  const [, first = '', second] = path.split('/')
  if (second !== undefined) return first
  return compositionFiles.includes(first) ? 'app' : 'base'
}

function specifiers(text: string): string[] {
  const found = text.matchAll(
    /^(?:import|export)\s[^'"`;]*?from\s*['"]([^'"]+)['"]|^import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm,
  )
  return [...found].map(([, from, bare, dynamic]) => from ?? bare ?? dynamic ?? '')
}

function localImports(path: string, text: string): string[] {
  return specifiers(text)
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => relative(root, resolve(root, dirname(path), specifier)))
}

function packageImports(text: string): string[] {
  return specifiers(text)
    .filter((specifier) => !specifier.startsWith('.') && !specifier.startsWith('node:'))
    .map((specifier) => specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/'))
}

function findCircle(): string[] | null {
  const settled = new Set<string>()
  const visit = (path: string, trail: readonly string[]): string[] | null => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path]
    if (settled.has(path)) return null
    for (const target of localImports(path, bySourcePath.get(path)?.text ?? '')) {
      const circle = visit(target, [...trail, path])
      if (circle) return circle
    }
    settled.add(path)
    return null
  }
  for (const { path } of sources) {
    const circle = visit(path, [])
    if (circle) return circle
  }
  return null
}

function isBadName(part: string): boolean {
  const name = part.replace(/(?:\.test)?\.ts$/, '')
  return forbiddenNames.includes(name) || !/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(name)
}

function filesBelow(folder: string): Source[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
}

function report(wrong: readonly string[], whatToDo: string): void {
  assert.ok(wrong.length === 0, `${wrong.join('\n')}\n${whatToDo}`)
}
