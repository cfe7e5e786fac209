import type { ConnectionOptions } from 'node:tls'
import { z } from 'zod'

/** How a probe speaks TLS; null where it does not. */
export interface ProbeTls {
  readonly serverName: string | null
  /** Certificates that are trusted beside the system's, PEM. */
  readonly ca: string | null
  readonly verify: boolean
}

export const tlsSchema = z
  .strictObject({
    serverName: z
      .string()
      .regex(/^[A-Za-z0-9.-]+$/, 'is not a host name: write shop.example.com')
      .optional()
      .meta({
        description: 'Name that is asked for and that the certificate must have. Default: the host of the instance.',
        examples: ['shop.internal'],
      }),
    ca: z
      .string()
      .min(1, 'is empty: write ${file:./ca.pem}')
      .optional()
      .meta({ description: "Certificates to trust in place of the system's, PEM.", examples: ['${file:./ca.pem}'] }),
    verify: z
      .boolean()
      .optional()
      .meta({
        description: 'Whether the certificate must be valid; a probe carries no secrets. Default: true.',
        default: true,
        examples: [false],
      }),
  })
  .meta({ description: 'Speaks TLS; `{}` for the defaults. Default: plain.', examples: [{}] })
  .transform(({ serverName, ca, verify }): ProbeTls => ({
    serverName: serverName ?? null,
    ca: ca ?? null,
    verify: verify ?? true,
  }))

/** What Node's TLS is told. */
export function tlsConnectionOptions({ serverName, ca, verify }: ProbeTls): ConnectionOptions {
  return { rejectUnauthorized: verify, ...(serverName !== null && { servername: serverName }), ...(ca !== null && { ca }) }
}
