// tus-js-client, a client that nobody here wrote, against the stand-in; and against @tus/server.
//
// Goal:   what the stand-in answers is what the client takes for Supabase's resumable uploads. That
//         the same test passes with the server library which the Storage API is built on shows that
//         the test asks for nothing of our own invention.
// Method: signed uploads whole, in chunks, broken off and taken up again; and their refusals.
// Needs:  WAYBILL_TEST_PROJECT_URL, WAYBILL_TEST_SECRET_KEY. Nothing of them is printed.
import assert from 'node:assert/strict'
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { test } from 'node:test'
import * as tus from 'tus-js-client'

const need = (name) => {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set`)
  return value
}
const projectUrl = need('WAYBILL_TEST_PROJECT_URL')
const secretKey = need('WAYBILL_TEST_SECRET_KEY')
const bucket = 'waybill-exports'
const endpoint = `${projectUrl}/storage/v1/upload/resumable/sign`
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')

/** Has the Storage API sign an upload, as signing mode `storage` does. */
const sign = async (key) => {
  const answer = await fetch(`${projectUrl}/storage/v1/object/upload/sign/${bucket}/${key}`, {
    method: 'POST',
    headers: { apikey: secretKey },
  })
  assert.equal(answer.status, 200)
  return (await answer.json()).token
}
const read = async (key) => {
  const answer = await fetch(`${projectUrl}/storage/v1/object/${bucket}/${key}`, {
    headers: { apikey: secretKey },
  })
  assert.equal(answer.status, 200)
  return Buffer.from(await answer.arrayBuffer())
}

/** Uploads and settles as the client does: 'done', 'aborted', or the error it ended with. */
const upload = (bytes, key, token, options = {}) =>
  new Promise((resolve) => {
    const { abortAt, ...rest } = options
    const one = new tus.Upload(bytes, {
      endpoint,
      headers: { 'x-signature': token },
      retryDelays: null,
      chunkSize: 512 * 1024,
      metadata: { bucketName: bucket, objectName: key, contentType: 'text/csv', cacheControl: '60' },
      onError: (error) => resolve({ error, url: one.url }),
      onSuccess: () => resolve({ outcome: 'done', url: one.url }),
      onChunkComplete: (_size, accepted) => {
        if (abortAt !== undefined && accepted >= abortAt) {
          one.abort().then(() => resolve({ outcome: 'aborted', url: one.url }))
        }
      },
      ...rest,
    })
    one.start()
  })

test('a signed upload in chunks is stored with its metadata', async () => {
  const key = `interop/${randomUUID()}/a file (1).csv`
  const bytes = randomBytes(1_500_001)
  const user = JSON.stringify({ sha256: sha256(bytes) })
  const { outcome, error } = await upload(bytes, key, await sign(encodeURI(key)), {
    metadata: { bucketName: bucket, objectName: key, contentType: 'text/csv', cacheControl: '60', metadata: user },
  })
  assert.equal(error, undefined)
  assert.equal(outcome, 'done')
  assert.equal(sha256(await read(encodeURI(key))), sha256(bytes))
  const info = await fetch(`${projectUrl}/storage/v1/object/info/${bucket}/${encodeURI(key)}`, {
    headers: { apikey: secretKey },
  })
  const facts = await info.json()
  assert.equal(facts.size, bytes.length)
  assert.equal(facts.content_type, 'text/csv')
  assert.equal(facts.cache_control, 'max-age=60')
  assert.deepEqual(facts.metadata, { sha256: sha256(bytes) })
})

test('an upload that was broken off goes on where it stopped, with a fresh token', async () => {
  const key = `interop/${randomUUID()}.csv`
  const bytes = randomBytes(3 * 1024 * 1024)
  const first = await upload(bytes, key, await sign(key), { abortAt: 1024 * 1024 })
  assert.equal(first.outcome, 'aborted')

  const offsets = []
  const second = await upload(bytes, key, await sign(key), {
    uploadUrl: first.url,
    onBeforeRequest: (request) => {
      if (request.getMethod() === 'PATCH') offsets.push(Number(request.getHeader('Upload-Offset')))
      assert.notEqual(request.getMethod(), 'POST')
    },
  })
  assert.equal(second.outcome, 'done')
  assert.equal(second.url, first.url)
  assert.ok(offsets[0] >= 1024 * 1024, `went on at ${offsets[0]}`)
  assert.equal(sha256(await read(key)), sha256(bytes))
})

test('bytes with the creation, a length told at the end, and giving up', async () => {
  const key = `interop/${randomUUID()}.csv`
  const bytes = randomBytes(700_000)
  const withCreation = await upload(bytes, key, await sign(key), { uploadDataDuringCreation: true })
  assert.equal(withCreation.outcome, 'done')
  assert.equal(sha256(await read(key)), sha256(bytes))

  const later = `interop/${randomUUID()}.csv`
  const { Readable } = await import('node:stream')
  const deferred = await upload(Readable.from([bytes]), later, await sign(later), { uploadLengthDeferred: true })
  assert.equal(deferred.error, undefined)
  assert.equal(sha256(await read(later)), sha256(bytes))

  const dropped = `interop/${randomUUID()}.csv`
  const token = await sign(dropped)
  const begun = await upload(randomBytes(2_000_000), dropped, token, { abortAt: 1 })
  await tus.Upload.terminate(begun.url, { headers: { 'x-signature': token }, retryDelays: null })
  const head = await fetch(begun.url, {
    method: 'HEAD', headers: { 'tus-resumable': '1.0.0', 'x-signature': token },
  })
  assert.equal(head.status, 404)
})

test('a token for another object, none, and a broken one are refused', async () => {
  const key = `interop/${randomUUID()}.csv`
  const good = await sign(key)
  const status = async (token) => {
    const { error } = await upload(randomBytes(10), key, token)
    return [error.originalResponse.getStatus(), error.originalResponse.getBody()]
  }
  assert.deepEqual(await status(await sign(`interop/${randomUUID()}.csv`)), [400, 'Invalid signature'])
  assert.deepEqual(await status(''), [400, 'Missing x-signature header'])
  assert.deepEqual(await status('a.b.c'), [400, 'Invalid Compact JWS'])
  assert.equal((await upload(randomBytes(10), key, good)).outcome, 'done')
})
