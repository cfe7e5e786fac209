import assert from 'node:assert/strict'
import { it } from 'node:test'
import { startInstance } from '../support/instance.ts'
import { startWorkerGateway } from '../support/worker-gateway.ts'

const token = 'a-token-that-nobody-guesses'

async function traceOf(url: string, sent: string): Promise<string | null> {
  const answer = await fetch(url, { headers: { 'x-meshgate-debug': sent } })
  await answer.text()
  return answer.headers.get('x-meshgate-debug')
}

it('a gateway with two workers tells a request with the debug token how it went', async () => {
  const instance = await startInstance('app')
  try {
    const gateway = await startWorkerGateway(instance.port, '', `, debug: { token: ${token} }`)
    try {
      const told = await traceOf(`${gateway.web}/app/`, token)
      const parts = (told ?? '').replace(/"[^"]*"/, 'NAME').replace(/(instance=)"[^"]*"/, '$1ID')
      assert.equal(
        parts.replace(/config=\d+/, 'config=N'),
        `meshgate; config=N; route=NAME; upstream="app"; instance=ID; attempts="127.0.0.1:${instance.port}"`,
      )
      assert.equal(await traceOf(`${gateway.web}/app/`, 'a-token-that-is-wrong'), null)
    } finally {
      await gateway.stop()
    }
  } finally {
    await instance.kill()
  }
})
