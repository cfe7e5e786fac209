import { grpcProbe } from './grpc-probe.ts'
import { httpProbe } from './http-probe.ts'
import type { HealthPolicy } from './policy.ts'
import type { Probe, ProbeKind } from './probe.ts'
import { tcpProbe } from './tcp-probe.ts'

/** The kinds of probe, by their key in `health:`. A new kind is one file and one line here. */
export const probeTable: Readonly<Record<string, ProbeKind<unknown>>> = {
  http: httpProbe,
  tcp: tcpProbe,
  grpc: grpcProbe,
}

type ProbeSpec = HealthPolicy['probe']

/** Makes the probe of a policy whose options have passed the schema of their kind. Throws a plain error for a kind that config cannot name. */
export function createProbe(spec: ProbeSpec): Probe {
  return kindOf(spec).create(spec.options)
}

/** What such a probe asks, in a word. Throws like {@link createProbe}. */
export function probeTitle(spec: ProbeSpec): string {
  return kindOf(spec).title(spec.options)
}

function kindOf({ kind }: ProbeSpec): ProbeKind<unknown> {
  const found = Object.hasOwn(probeTable, kind) ? probeTable[kind] : undefined
  if (!found) throw new Error(`probe kind ${kind} is not in the table`)
  return found
}
