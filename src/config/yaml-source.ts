import {
  isAlias,
  isCollection,
  isMap,
  isNode,
  isScalar,
  isSeq,
  parseDocument,
  type Document,
  type Node,
  type Pair,
  type YAMLMap,
} from 'yaml'
import type { ConfigPath } from './config.ts'
import type { InterpolationContext } from './interpolate.ts'
import { LineIndex } from './line-index.ts'
import { ConfigError, formatPath, type ConfigPlace, type ConfigProblem, valueAt } from './problem.ts'
import { syntaxMessage } from './syntax-message.ts'
import { interpolateScalars, structureFindings, type Finding } from './yaml-structure.ts'

/** How often the nodes of a document may be used by aliases, multiplied through the levels. */
const MAX_EXPANSION = 100

export interface YamlSourceOptions {
  /** A file's name, or a KV key as `kv:gateway/routes/hello`. */
  readonly name: string
  readonly maxBytes: number
  /** What an empty document should have said. */
  readonly whenEmpty: string
  readonly context: InterpolationContext
}

/** One YAML (or JSON) document as plain data that still knows where each value stands. */
export class YamlSource {
  readonly name: string
  readonly value: unknown
  readonly #document: Document
  readonly #lines: LineIndex
  /** Values that came from outside, with what is written in their place. */
  readonly #secrets: ReadonlyMap<string, string>

  /** Throws `config_invalid` with every problem that can be found before the meaning is looked at. */
  constructor(text: string, { name, maxBytes, whenEmpty, context }: YamlSourceOptions) {
    this.name = name
    refuseLarge(text, name, maxBytes)
    this.#lines = new LineIndex(text)
    this.#document = parseDocument(text, {
      // Ours is linear and names both places; the library's compares every key with every other.
      uniqueKeys: false,
      stringKeys: true,
      resolveKnownTags: false,
      prettyErrors: false,
      logLevel: 'error',
    })
    const findings = [...this.#document.errors, ...this.#document.warnings]
    this.#refuse(findings.map((finding) => this.#problemAtOffset(finding.pos[0], syntaxMessage(finding))))
    if (isEmpty(this.#document)) this.#refuse([this.#problemAtOffset(0, whenEmpty)])
    this.#refuseFindings(structureFindings(this.#document, (node) => this.#placeOfNode(node).line))
    const { secrets, findings: unresolved } = interpolateScalars(this.#document, context)
    this.#refuseFindings(unresolved)
    this.#secrets = secrets
    this.value = this.#toPlain()
  }

  /** The value at a path; undefined if nothing is there. */
  valueAt(path: ConfigPath): unknown {
    return valueAt(this.value, path)
  }

  /** The place of a value, or of the nearest thing around it that is written down. */
  placeOf(path: ConfigPath, at: 'value' | 'key' = 'value'): ConfigPlace {
    return { ...this.#placeOfOffset(this.#offsetOf(path, at)), path: formatPath(path) }
  }

  /** A problem at a value or its key; values that came from the environment or a file are taken out of the message. */
  problemAt(path: ConfigPath, message: string, at: 'value' | 'key' = 'value'): ConfigProblem {
    return { ...this.placeOf(path, at), message: this.#withoutSecrets(message, path) }
  }

  #refuse(problems: readonly ConfigProblem[]): void {
    if (problems.length > 0) throw new ConfigError(problems)
  }

  #refuseFindings(findings: readonly Finding[]): void {
    this.#refuse(findings.map(({ node, path, message }) => ({ ...this.#placeOfNode(node), path: formatPath(path), message })))
  }

  #toPlain(): unknown {
    try {
      return this.#document.toJS({ maxAliasCount: MAX_EXPANSION })
    } catch (error) {
      // The structure is sound by now: what is left is the library's guard against a document that grows when its aliases are written out.
      if (!(error instanceof ReferenceError || error instanceof RangeError)) throw error
      throw new ConfigError([this.#problemAtOffset(0, 'its aliases ("*name") stand for too much: write the values out')])
    }
  }

  #withoutSecrets(message: string, path: ConfigPath): string {
    const node = this.#nodesAlong(path).at(-1)
    const own = isScalar(node) && typeof node.value === 'string' ? node.value : null
    const written = own === null ? undefined : this.#secrets.get(own)
    // A message may quote a part of the value: then only a general one is safe.
    if (own !== null && written !== undefined && sharesText(message, own, written))
      return `the value of ${written} is not accepted here: check where it is set`
    let safe = message
    for (const [secret, source] of this.#secrets) if (secret.length >= 4) safe = safe.replaceAll(secret, source)
    return safe
  }

  #offsetOf(path: ConfigPath, at: 'value' | 'key'): number {
    const nodes = this.#nodesAlong(path)
    const parent = nodes[path.length - 1]
    const last = path.at(-1)
    if (at === 'key' && isMap(parent)) {
      const key = pairOf(parent, String(last))?.key
      if (isNode(key)) return key.range?.[0] ?? 0
    }
    return nodes.at(-1)?.range?.[0] ?? 0
  }

  /** The nodes from the root to the last one of the path that is written down. */
  #nodesAlong(path: ConfigPath): readonly Node[] {
    const nodes: Node[] = []
    let node: unknown = this.#document.contents
    for (const step of [...path, null]) {
      if (isAlias(node)) node = node.resolve(this.#document)
      if (!isNode(node)) break
      nodes.push(node)
      if (step === null || !isCollection(node)) break
      node = isSeq(node) ? node.get(Number(step), true) : childOf(node, String(step))
    }
    return nodes
  }

  #placeOfNode(node: Node): Omit<ConfigPlace, 'path'> {
    return this.#placeOfOffset(node.range?.[0] ?? 0)
  }

  #problemAtOffset(offset: number, message: string): ConfigProblem {
    return { ...this.#placeOfOffset(offset), path: '', message }
  }

  #placeOfOffset(offset: number): Omit<ConfigPlace, 'path'> {
    return { file: this.name, ...this.#lines.placeOf(offset) }
  }
}

function refuseLarge(text: string, file: string, maxBytes: number): void {
  const bytes = Buffer.byteLength(text)
  if (bytes <= maxBytes) return
  const message = `${bytes} bytes, and at most ${maxBytes} are read: split it, for instance into routes below the KV prefix`
  throw new ConfigError([{ file, line: 1, column: 1, path: '', message }])
}

function isEmpty({ contents }: Document): boolean {
  return contents === null || (isScalar(contents) && contents.value === null)
}

function childOf(node: Node, name: string): unknown {
  return isMap(node) ? pairOf(node, name)?.value : undefined
}

const pairsOfMaps = new WeakMap<YAMLMap, ReadonlyMap<string, Pair>>()

/** Finds the pair of a key; the library looks through all of them each time. */
function pairOf(map: YAMLMap, name: string): Pair | undefined {
  let pairs = pairsOfMaps.get(map)
  if (!pairs) {
    pairs = new Map(map.items.flatMap((pair) => (isScalar(pair.key) ? [[String(pair.key.value), pair] as const] : [])))
    pairsOfMaps.set(map, pairs)
  }
  return pairs.get(name)
}

/** Whether a message has four characters in a row of a value that are not also in the text that is written in its place. */
function sharesText(message: string, value: string, written: string): boolean {
  if (value.length < 4) return value !== '' && message.includes(value)
  for (let at = 0; at + 4 <= value.length; at++) {
    const part = value.slice(at, at + 4)
    if (message.includes(part) && !written.includes(part)) return true
  }
  return false
}
