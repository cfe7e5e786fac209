/** What one replica has found out about an instance by probing it. */
export interface Finding {
  readonly verdict: 'healthy' | 'unhealthy'
  /** The last probe spoke against the verdict. */
  readonly wavers: boolean
  /** What the last probe found, for people. */
  readonly detail: string
}

/** By subject. */
export type Findings = ReadonlyMap<string, Finding>

/** What a probe found may be as long as somebody's answer. */
const LONGEST_DETAIL = 120

/** The words of the documents, of a healthy instance and of an unhealthy one, steady and wavering. */
const words = { up: [true, false], doubted: [true, true], down: [false, false], rising: [false, true] } as const
type Word = keyof typeof words

/** Of what is probed: instances of the same address are probed by each upstream in its own way. */
export function subjectOf(upstream: string, address: string): string {
  return `${upstream} ${address}`
}

/** A document with what one replica has found: `{"shop 10.0.0.5:8080":"up","shop 10.0.0.6:8080":"down HTTP 500"}`. */
export function findingsText(findings: Findings): string {
  return JSON.stringify(Object.fromEntries([...findings].map(([subject, finding]) => [subject, findingText(finding)])))
}

/** Anybody can write there, so what makes no sense is left out. */
export function readFindings(text: string): Findings {
  try {
    const written: unknown = JSON.parse(text)
    if (typeof written !== 'object' || written === null) return new Map()
    const found = Object.entries(written).flatMap(([subject, said]) => {
      const finding = typeof said === 'string' ? findingOf(said) : null
      return finding ? [[subject, finding] as const] : []
    })
    return new Map(found)
  } catch {
    // Somebody else's key in our folder.
    return new Map()
  }
}

/** Whether the last probe passed. */
export function hasPassed({ verdict, wavers }: Pick<Finding, 'verdict' | 'wavers'>): boolean {
  return (verdict === 'healthy') !== wavers
}

function findingText({ verdict, wavers, detail }: Finding): string {
  const word: Word = verdict === 'healthy' ? (wavers ? 'doubted' : 'up') : wavers ? 'rising' : 'down'
  return word === 'up' ? word : `${word} ${detail.slice(0, LONGEST_DETAIL)}`
}

function findingOf(said: string): Finding | null {
  const [word = '', ...rest] = said.split(' ')
  if (!Object.hasOwn(words, word)) return null
  const [isHealthy, wavers] = words[word as Word]
  return { verdict: isHealthy ? 'healthy' : 'unhealthy', wavers, detail: rest.join(' ').slice(0, LONGEST_DETAIL) }
}
