// The thread of PasswordThread: one check after the other.
import { parentPort } from 'node:worker_threads'
import { passwordFits } from './password-hash.ts'

parentPort?.on('message', ({ id, password, hash }: { id: number; password: string; hash: string }) => {
  parentPort?.postMessage({ id, fits: passwordFits(password, hash) }, [])
})
