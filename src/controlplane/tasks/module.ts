import { z } from 'zod'
import { checkModule, moduleFile, ownOptions } from '../../dataplane/filters/module-options.ts'
import { GatewayError } from '../../errors.ts'
import { exportOf } from '../../user-modules.ts'
import type { TaskKind } from './task-kind.ts'
import type { UserTaskKind } from './user-task.ts'

const wanted = { name: 'task', method: 'run', example: 'export const task = defineTask({ run: … })' }

const options = z
  .strictObject({ file: moduleFile('task', './tasks/purge.ts'), options: ownOptions({ olderThan: '30d' }) })
  .superRefine(({ file, options: own }, context) => checkModule(kindIn(file), { file, own }, context))
  .describe('Runs a kind of task of your own (docs/tasks.md).')

/** Task kind `module`: `module: { file: ./tasks/purge.ts, options: { olderThan: 30d } }` */
export const moduleTask: TaskKind<z.infer<typeof options>> = {
  options,
  run: async (written, { task, signal, term, fireTime, key, call, registry, clock, logger }) => {
    const { kind, own } = loaded(written)
    const said = await kind.run(own, {
      task,
      signal,
      fencingToken: term,
      fireTime,
      idempotencyKey: key,
      call,
      kv: registry.kv,
      clock,
      logger,
    })
    return typeof said === 'string' && said !== '' ? said : `${written.file} ended`
  },
  plan: async (written) => {
    const { kind, own } = loaded(written)
    return (await kind.plan?.(own)) ?? `runs ${written.file}`
  },
}

function loaded({ file, options: own }: z.infer<typeof options>): { readonly kind: UserTaskKind; readonly own: unknown } {
  const kind = kindIn(file)
  if (typeof kind === 'string') throw new GatewayError('task_failed', kind)
  return { kind, own: kind.options ? kind.options.parse(own) : own }
}

function kindIn(file: string): UserTaskKind | string {
  return exportOf(file, wanted) as UserTaskKind | string
}
