import type { RequestHead } from '../exchange.ts'
import { holds } from './predicates.ts'
import type { Candidate } from './specificity.ts'

interface Node<R> {
  /** By segment; null: none. */
  children: Map<string, Node<R>> | null
  /** Any one segment that is not empty. */
  anyChild: Node<R> | null
  /** Templates that end here. */
  templates: Candidate<R>[]
  /** Prefixes that end here. */
  prefixes: Candidate<R>[]
}

/** The routes of one host, by path. Candidates come in the order in which they win, so the first that holds is the answer. */
export class PathTable<R> {
  readonly #exact = new Map<string, Candidate<R>[]>()
  readonly #templates = emptyNode<R>()
  readonly #prefixes = emptyNode<R>()
  readonly #regexes: Candidate<R>[] = []
  readonly #any: Candidate<R>[] = []

  /** Adds one; the more specific of two is added first. */
  add(candidate: Candidate<R>): void {
    const { path } = candidate
    switch (path.kind) {
      case 'exact':
        getOrAdd(this.#exact, path.path, () => []).push(candidate)
        break
      case 'template':
        addTo(nodeAt(this.#templates, path.segments), 'templates', candidate)
        break
      case 'prefix':
        addTo(nodeAt(this.#prefixes, path.segments), 'prefixes', candidate)
        break
      case 'regex':
        this.#regexes.push(candidate)
        break
      case 'any':
        this.#any.push(candidate)
        break
    }
  }

  find(request: RequestHead): R | null {
    const { path } = request
    // To look a text up, V8 first makes it one of its own (0.1 µs and more): not where there is nothing to find.
    const exact = this.#exact.size > 0 && this.#exact.get(path)
    const byText = exact ? firstThatHolds(exact, request) : null
    return (
      byText ??
      findTemplate(this.#templates, request, 1) ??
      findPrefix(this.#prefixes, request, 1) ??
      this.#findRegex(request) ??
      firstThatHolds(this.#any, request)
    )
  }

  #findRegex(request: RequestHead): R | null {
    for (const { path, predicates, route } of this.#regexes) {
      if (path.kind === 'regex' && holds(predicates, request) && path.regex.test(request.path)) return route
    }
    return null
  }
}

/** `start` is where the segment begins; behind the end of the path there is none left. */
function findTemplate<R>(node: Node<R>, request: RequestHead, start: number): R | null {
  const { path } = request
  if (start > path.length) return firstThatHolds(node.templates, request)
  if (node.children === null && node.anyChild === null) return null
  const end = endOfSegment(path, start)
  const child = node.children?.get(path.slice(start, end))
  const found = child ? findTemplate(child, request, end + 1) : null
  if (found !== null || node.anyChild === null || end === start) return found
  return findTemplate(node.anyChild, request, end + 1)
}

/** The deepest node first: it stands for the longest prefix. */
function findPrefix<R>(node: Node<R>, request: RequestHead, start: number): R | null {
  const { path } = request
  if (node.children !== null && start <= path.length) {
    const end = endOfSegment(path, start)
    const child = node.children.get(path.slice(start, end))
    const found = child ? findPrefix(child, request, end + 1) : null
    if (found !== null) return found
  }
  return firstThatHolds(node.prefixes, request)
}

function firstThatHolds<R>(candidates: readonly Candidate<R>[], request: RequestHead): R | null {
  for (const { predicates, route } of candidates) {
    if (holds(predicates, request)) return route
  }
  return null
}

function endOfSegment(path: string, start: number): number {
  const end = path.indexOf('/', start)
  return end === -1 ? path.length : end
}

function nodeAt<R>(root: Node<R>, segments: readonly (string | null)[]): Node<R> {
  let node = root
  for (const segment of segments) {
    if (segment === null) node = node.anyChild ??= emptyNode()
    else node = getOrAdd((node.children ??= new Map()), segment, emptyNode<R>)
  }
  return node
}

/** Of nodes where nothing ends: most of thousands, and of each that is read a request waits for memory. */
const none: never[] = []

function emptyNode<R>(): Node<R> {
  return { children: null, anyChild: null, templates: none, prefixes: none }
}

function addTo<R>(node: Node<R>, kind: 'templates' | 'prefixes', candidate: Candidate<R>): void {
  if (node[kind] === none) node[kind] = [candidate]
  else node[kind].push(candidate)
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  const known = map.get(key)
  if (known !== undefined) return known
  const fresh = create()
  map.set(key, fresh)
  return fresh
}
