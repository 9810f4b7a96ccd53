// Resumable uploads by @tus/server, which the Storage API itself is built on, in front of a
// stand-in: a server that nobody here wrote, for the agent to upload to.
//
// Method: /storage/v1/upload/resumable/sign is @tus/server with a store of files, and the Storage
//         API's own rules around it: x-signature on every request, ids that hold the object's name.
//         What is finished is handed to the stand-in, and every other request goes there as it is.
// Needs:  WAYBILL_TEST_PROJECT_URL (the stand-in), WAYBILL_TEST_SECRET_KEY, WAYBILL_TEST_JWT_SECRET,
//         WAYBILL_TEST_FOLDER. WAYBILL_TEST_DROPS: how many PATCHes lose their connection halfway.
// Prints: {"url": ...}, then a line of JSON for each request that was answered or cut, a PATCH with
//         the offset it goes on from. No tokens.
import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto'
import { createReadStream } from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { FileStore } from '@tus/file-store'
import { Server } from '@tus/server'

const need = (name) => {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set`)
  return value
}
const standIn = new URL(need('WAYBILL_TEST_PROJECT_URL'))
const secretKey = need('WAYBILL_TEST_SECRET_KEY')
const jwtSecret = need('WAYBILL_TEST_JWT_SECRET')
const folder = need('WAYBILL_TEST_FOLDER')
let drops = Number(process.env.WAYBILL_TEST_DROPS ?? 0)

const route = '/storage/v1/upload/resumable/sign'
const refuse = (status_code, body) => {
  throw { status_code, body }
}

/** The id is bucket/key/version, as a path of the store; a URL holds it as base64url. */
const split = (id) => {
  const parts = id.split('/')
  return { bucket: parts[0], key: parts.slice(1, -1).join('/') }
}
const check = (token, { bucket, key }) => {
  if (!token) refuse(400, 'Missing x-signature header')
  const [head, body, mark] = token.split('.')
  try {
    JSON.parse(Buffer.from(head, 'base64url').toString())
  } catch {
    refuse(400, 'Invalid Compact JWS')
  }
  const expected = createHmac('sha256', jwtSecret).update(`${head}.${body}`).digest()
  const given = Buffer.from(mark ?? '', 'base64url')
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    refuse(400, 'signature verification failed')
  }
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString())
  if (claims.exp !== undefined && claims.exp * 1000 < Date.now()) {
    refuse(400, '"exp" claim timestamp check failed')
  }
  if (claims.url !== `${bucket}/${key}` || claims.scope !== 'upload') refuse(400, 'Invalid signature')
}

/** Hands a finished file to the stand-in, so that the registry learns of the arrival. */
const handOver = (upload) =>
  new Promise((resolve, reject) => {
    const { bucket, key } = split(upload.id)
    const request = http.request(
      new URL(`/storage/v1/object/${bucket}/${encodeURI(key)}`, standIn),
      {
        method: 'POST',
        headers: {
          apikey: secretKey,
          'x-upsert': 'true',
          'content-type': upload.metadata.contentType ?? 'application/octet-stream',
          'content-length': upload.size,
          'cache-control': `max-age=${upload.metadata.cacheControl ?? 3600}`,
          ...(upload.metadata.metadata && {
            'x-metadata': Buffer.from(upload.metadata.metadata).toString('base64'),
          }),
        },
      },
      (answer) => {
        answer.resume()
        answer.on('end', () => (answer.statusCode === 200 ? resolve() : reject(new Error('hand-over'))))
      },
    )
    request.on('error', reject)
    createReadStream(path.join(folder, upload.id)).pipe(request)
  })

const tusServer = new Server({
  path: route,
  datastore: new FileStore({ directory: folder, expirationPeriodInMilliseconds: 24 * 3600 * 1000 }),
  disableTerminationForFinishedUploads: true,
  namingFunction: (_request, metadata) => {
    if (!metadata) refuse(400, 'Metadata header is required')
    return `${metadata.bucketName}/${metadata.objectName}/${randomUUID()}`
  },
  generateUrl: (_request, { proto, host, path: base, id }) =>
    `${proto}://${host}${base}/${Buffer.from(id).toString('base64url')}`,
  getFileIdFromRequest: (_request, last) =>
    last && last !== 'sign' ? Buffer.from(last, 'base64url').toString() : undefined,
  onIncomingRequest: (request, id) => check(request.headers.get('x-signature'), split(id)),
  onUploadFinish: async (_request, upload) => {
    await handOver(upload)
    return {}
  },
})

/** Cuts the line once half of the body has come in. */
const cutHalfway = (request) => {
  const half = request.socket.bytesRead + Number(request.headers['content-length']) / 2
  const look = setInterval(() => {
    if (request.socket.destroyed) clearInterval(look)
    if (request.socket.bytesRead >= half) request.socket.destroy()
  }, 1)
  request.socket.on('close', () => clearInterval(look))
}

const forward = (request, response) => {
  const onward = http.request(
    new URL(request.url, standIn),
    { method: request.method, headers: request.headers },
    (answer) => {
      response.writeHead(answer.statusCode, answer.headers)
      answer.pipe(response)
    },
  )
  onward.on('error', () => response.destroy())
  request.pipe(onward)
}

const server = http.createServer((request, response) => {
  const [where] = request.url.split('?')
  if (where !== route && !where.startsWith(`${route}/`)) return forward(request, response)
  const isLarge = Number(request.headers['content-length'] ?? 0) > 100_000
  if (request.method === 'PATCH' && isLarge && drops > 0) {
    drops -= 1
    cutHalfway(request)
  }
  response.on('close', () => {
    const status = response.writableFinished ? response.statusCode : 'cut'
    const offset = request.headers['upload-offset']
    console.log(
      JSON.stringify({ method: request.method, status, ...(offset && { offset: Number(offset) }) }),
    )
  })
  return tusServer.handle(request, response)
})
server.listen(0, '127.0.0.1', () =>
  console.log(JSON.stringify({ url: `http://127.0.0.1:${server.address().port}` })),
)
