import type { NewService, ServiceRegistration } from '../agent.ts'
import { Refusal } from '../refusal.ts'
import { decodeBody } from './decode.ts'
import { checksOf, metaProblem, serviceOf } from './new-service.ts'
import { meshProblem } from './proxy-rules.ts'
import { serviceFields } from './service-fields.ts'
import { newSidecar } from './sidecar-registration.ts'

// RFC 2782: the weight of an SRV record has 16 bits.
const greatestWeight = 65_535

/** Decodes the body of `agent/service/register`. Refuses (400, and 500 for its sidecar) what Consul refuses, in its words. */
export function parseServiceRegistration(body: Buffer): ServiceRegistration {
  const given = decodeBody(body, serviceFields)
  const { Name: name = '', Address: address = '' } = given
  if (name === '') throw new Refusal(400, 'Missing service name')
  if (address === '0.0.0.0' || address === '::' || address === '[::]') throw new Refusal(400, 'Invalid service address')
  const service = serviceOf(given, name)
  requireWeights(service.weights)
  const badMeta = metaProblem(given.Meta ?? {})
  if (badMeta !== null) throw new Refusal(400, `Invalid Service Meta: ${badMeta}`)
  const problem = meshProblem(service, given.Connect?.SidecarService)
  if (problem !== null) throw new Refusal(400, problem)
  return { service, checks: checksOf(given, service), sidecar: newSidecar(given, service) }
}

function requireWeights({ Passing: passing, Warning: warning }: NewService['weights']): void {
  if (passing < 1) throw new Refusal(400, 'Invalid Weights: Passing must be greater than 0')
  if (warning < 0) throw new Refusal(400, 'Invalid Weights: Warning must be greater or equal than 0')
  if (Math.max(passing, warning) > greatestWeight) {
    throw new Refusal(400, `Invalid Weights: DNS Weight must be between 0 and ${greatestWeight}`)
  }
}
