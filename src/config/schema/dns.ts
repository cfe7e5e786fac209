import { isIP } from 'node:net'
import { z } from 'zod'
import { formatAddress, parseAddress, type Address } from '../../address.ts'
import { formatDurationMs } from '../../durations.ts'
import { dnsDefaults, type DnsOptions } from '../../registry-server/dns/options.ts'
import { defaultDns } from '../registry-defaults.ts'
import { about, bindAddress, count, duration, durationOrOff, name, refuseRepeated, targetAddress } from './scalars.ts'

export const defaultDnsBind = '127.0.0.1:8600'

const ttlMaxMs = 7 * 86_400_000

const where = z
  .string()
  .transform((text, context): Address | null => {
    const found = text === 'off' ? null : parseAddress(text)
    if (found !== null || text === 'off') return found
    context.addIssue(`"${text}" is not an address: write "${defaultDnsBind}", or off`)
    return z.NEVER
  })
  .meta(about({ description: 'Address of DNS, UDP and TCP; `off` for none.', default: defaultDnsBind }))

const settings = z
  .strictObject({
    bind: bindAddress({ description: 'Address of DNS, UDP and TCP.', default: defaultDnsBind }).optional(),
    domain: name({ description: 'The zone that is answered from the registry.', default: dnsDefaults.domain }).optional(),
    nodeTtl: durationOrOff({
      description: 'How long an answer about a node may be kept; whole seconds.',
      default: 0,
      maxMs: ttlMaxMs,
    }).optional(),
    serviceTtl: z
      .record(z.string(), duration({ description: 'Whole seconds.', example: '5s', minMs: 0, maxMs: ttlMaxMs }))
      .optional()
      .meta(
        about({
          description: 'The same for services, by name; `web*` is every name that begins so, `*` is every one.',
          example: { '*': '5s', 'web*': '10s' },
        }),
      ),
    onlyPassing: z
      .boolean()
      .optional()
      .meta(
        about({ description: 'Leaves out instances that warn; critical ones always are.', default: dnsDefaults.onlyPassing }),
      ),
    enableTruncate: z
      .boolean()
      .optional()
      .meta(
        about({
          description: 'Says in an answer that records were left out, so that clients ask again over TCP.',
          default: dnsDefaults.enableTruncate,
        }),
      ),
    udpAnswerLimit: count({
      description: 'Records of an answer over UDP to a client without EDNS0.',
      default: dnsDefaults.udpAnswerLimit,
      min: 1,
      max: 8,
    }).optional(),
    recursors: z
      .array(targetAddress({ description: 'IP address and port.', example: '192.0.2.53:53' }))
      .superRefine((all, context) => {
        refuseRepeated<Address>(all, formatAddress, context, (at) => [at])
        all.forEach(({ host }, at) => {
          if (isIP(host) !== 0) return
          context.addIssue({
            code: 'custom',
            path: [at],
            message: `"${host}" is no IP address, and there is nobody to look it up`,
          })
        })
      })
      .optional()
      .meta(
        about({
          description: 'Who is asked, in this order, for all other domains. Default: nobody, such queries are refused.',
          example: ['192.0.2.53:53'],
        }),
      ),
    recursorTimeout: duration({
      description: 'Time for one of them to answer.',
      default: formatDurationMs(dnsDefaults.recursorTimeoutMs),
      maxMs: 30_000,
    }).optional(),
  })
  .transform((set): DnsOptions => {
    const { bind, domain, nodeTtl, serviceTtl, recursorTimeout, ...rest } = set
    return {
      bind: bind ?? defaultDns.bind,
      domain: domain ?? dnsDefaults.domain,
      nodeTtlMs: nodeTtl ?? dnsDefaults.nodeTtlMs,
      serviceTtlMs: serviceTtl ?? dnsDefaults.serviceTtlMs,
      onlyPassing: rest.onlyPassing ?? dnsDefaults.onlyPassing,
      enableTruncate: rest.enableTruncate ?? dnsDefaults.enableTruncate,
      udpAnswerLimit: rest.udpAnswerLimit ?? dnsDefaults.udpAnswerLimit,
      recursors: rest.recursors ?? dnsDefaults.recursors,
      recursorTimeoutMs: recursorTimeout ?? dnsDefaults.recursorTimeoutMs,
    }
  })

/** DNS of the embedded registry: an address, `off`, or settings. */
export const dns = z
  .union([where.transform((bind): DnsOptions | null => (bind ? { ...dnsDefaults, bind } : null)), settings])
  .meta(
    about({
      description: 'DNS for what is registered, over UDP and TCP: an address, `off`, or settings.',
      default: defaultDnsBind,
      example: defaultDnsBind,
    }),
  )
