import type { NewCheck, NewService, NewSidecar } from '../agent.ts'
import { Refusal } from '../refusal.ts'
import type { GivenChecks, GivenService, GivenSidecar } from './service-fields.ts'
import { checksOf, givenChecks, metaProblem, serviceOf } from './new-service.ts'

/**
 * The sidecar that a service asks for, or null. It has from its service whatever it does not say itself, and from the agent its port.
 * Refuses with 500 where a service itself is refused with 400, as Consul does.
 */
export function newSidecar(given: GivenService, { id, name }: NewService): NewSidecar | null {
  const wanted = given.Connect?.SidecarService
  if (!wanted) return null
  const badMeta = metaProblem(wanted.Meta ?? {})
  if (badMeta !== null) throw new Refusal(500, `Bad request: Invalid SidecarService: ${badMeta}`)
  const sidecarId = `${id}-sidecar-proxy`
  const host = wanted.Proxy?.LocalServiceAddress || '127.0.0.1'
  const localPort = Math.max(wanted.Proxy?.LocalServicePort ?? 0, 0) || given.Port
  const full = {
    ...wanted,
    ...inherited(wanted, given),
    ID: sidecarId,
    Kind: wanted.Kind || 'connect-proxy',
    Proxy: {
      ...wanted.Proxy,
      DestinationServiceName: wanted.Proxy?.DestinationServiceName || name,
      DestinationServiceID: wanted.Proxy?.DestinationServiceID || id,
      LocalServiceAddress: host,
      ...(localPort ? { LocalServicePort: localPort } : {}),
    },
  }
  const withPort = (port: number): ReturnType<NewSidecar['withPort']> => {
    const service = { ...serviceOf({ ...full, Port: port }, wanted.Name || `${name}-sidecar-proxy`), isSidecar: true }
    const own = givenChecks(wanted).length > 0
    return { service, checks: sidecarChecks(own ? wanted : defaultChecks(id, `${host}:${port}`), service) }
  }
  // Whatever is wrong with it is told before anything is registered.
  withPort(1)
  return { id: sidecarId, port: Math.max(wanted.Port ?? 0, 0), withPort }
}

function inherited(sidecar: GivenSidecar, service: GivenService): Pick<GivenService, 'Tags' | 'Meta' | 'Address'> {
  const { Tags: tags = [], Meta: meta = {} } = sidecar
  return {
    Tags: (tags.length > 0 ? tags : service.Tags) ?? [],
    Meta: (Object.keys(meta).length > 0 ? meta : service.Meta) ?? {},
    Address: sidecar.Address || service.Address || '',
  }
}

const checkIntervalNs = 10e9

function defaultChecks(id: string, address: string): GivenChecks {
  const listening = { Name: 'Connect Sidecar Listening', TCP: address, Interval: checkIntervalNs }
  return { Checks: [listening, { Name: `Connect Sidecar Aliasing ${id}`, AliasService: id }] }
}

function sidecarChecks(given: GivenChecks, service: NewService): readonly NewCheck[] {
  try {
    return checksOf(given, service)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    throw new Refusal(500, `Bad request: ${error.message.replace(/^Invalid check:/, 'Invalid check in sidecar_service:')}`)
  }
}
