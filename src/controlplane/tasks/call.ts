import { z } from 'zod'
import { originTarget } from '../../dataplane/http/target-path.ts'
import { GatewayError } from '../../errors.ts'
import type { ServiceCall, TaskKind } from './task-kind.ts'

const callPattern = /^([A-Z]+) +http:\/\/([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(\/[^\s#]*)?$/
const methods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])

const callText = z
  .string()
  .describe('METHOD http://SERVICE/PATH: an HTTP request to a service by its name, once per fire; anything but 2xx is a failure.')
  .transform((text, context): ServiceCall => {
    const call = parseServiceCall(text)
    if (typeof call !== 'string') return call
    context.addIssue({ code: 'custom', message: call })
    return z.NEVER
  })

/** Parses `POST http://reports/run`; gives the problem as a sentence if it is something else. */
function parseServiceCall(text: string): ServiceCall | string {
  const found = callPattern.exec(text.trim())
  const [, method = '', service = '', path = '/'] = found ?? []
  if (!found) return `"${text}" is not a call: expected METHOD http://SERVICE/PATH, as in "POST http://reports/run"`
  if (!methods.has(method)) return `"${method}" is not a method that a task can call with: expected ${[...methods].join(', ')}`
  if (!originTarget(path))
    return `"${path}" is not a path as it stands in a request: write other characters than ASCII, and "\\", as in %C3%BC`
  return { method, service, path }
}

/** Task kind `call`: one HTTP request to a service. */
export const callTask: TaskKind<ServiceCall> = {
  options: callText,
  run: async (request, { call }) => {
    const { status } = await call(request)
    const what = `${textOf(request)} answered ${status}`
    if (status < 200 || status > 299) throw new GatewayError('task_failed', `${what}, expected 2xx`)
    return what
  },
  plan: async (request) => `sends ${textOf(request)} with Idempotency-Key and X-Fencing-Token`,
}

function textOf({ method, service, path }: ServiceCall): string {
  return `${method} http://${service}${path}`
}
