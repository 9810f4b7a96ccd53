// supabase-js, a client that nobody here wrote, against the stand-in.
//
// Goal:   what the stand-in answers is what Supabase's own client takes for Supabase.
// Method: the whole life of two files by rpc() and uploadToSignedUrl(), and the refusals on the way.
// Needs:  WAYBILL_TEST_PROJECT_URL, WAYBILL_TEST_PUBLISHABLE_KEY, WAYBILL_TEST_ENROLMENT_CODE (of an
//         agency that has file specs). Nothing of them is printed.
import assert from 'node:assert/strict'
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { before, test } from 'node:test'
import { createClient } from '@supabase/supabase-js'

const need = (name) => {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set`)
  return value
}
const projectUrl = need('WAYBILL_TEST_PROJECT_URL')
const publishableKey = need('WAYBILL_TEST_PUBLISHABLE_KEY')
const enrolmentCode = need('WAYBILL_TEST_ENROLMENT_CODE')

const agentToken = randomBytes(32).toString('base64url')
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')
const client = (headers = {}) =>
  createClient(projectUrl, publishableKey, {
    auth: { persistSession: false, autoRefreshToken: false },
    global: { headers },
  })

const agent = client({ 'x-agent-token': agentToken })
const jobKey = `supabase-js-${randomUUID()}`
const contents = {
  buffer: Buffer.from(`code,words\n1,"${randomUUID()} é\n2"\n`),
  blob: Buffer.from(`code,words\r\n2,"--${randomUUID()}--"\r\n`),
}
let uploads // by name of the content: the answers of ingest_open_job

const call = async (name, args) => {
  const { data, error, status } = await agent.rpc(name, args)
  assert.equal(error, null)
  assert.equal(status, 200)
  return data
}
const tokenOf = (upload) => new URL(upload.url, projectUrl).searchParams.get('token')

before(async () => {
  const { data, error } = await client().rpc('ingest_enroll', {
    code: enrolmentCode,
    agent_name: 'supabase-js',
    secret_hash: sha256(agentToken),
    machine: { client: 'supabase-js' },
  })
  assert.equal(error, null)
  const [spec] = data.file_specs.specs
  const files = Object.entries(contents).map(([name, bytes]) => ({
    relative_path: `${name}.csv`,
    file_tag: spec.file_tag,
    content_sha256: sha256(bytes),
    size_bytes: bytes.length,
    modified_at: new Date().toISOString(),
  }))
  const today = new Date().toISOString().slice(0, 10)
  const job = await call('ingest_open_job', {
    job_key: jobKey,
    delivery: { date: today, name: 'supabase-js' },
    files,
  })
  assert.deepEqual(job.files.map((file) => file.outcome), ['upload', 'upload'])
  uploads = Object.fromEntries(Object.keys(contents).map((name, i) => [name, job.files[i]]))
})

test('a Buffer goes up by signed URL, once', async () => {
  const { upload } = uploads.buffer
  const put = () =>
    agent.storage.from(upload.bucket).uploadToSignedUrl(upload.path, tokenOf(upload), contents.buffer, {
      contentType: 'text/csv',
      metadata: { sha256: sha256(contents.buffer) },
    })
  const first = await put()
  assert.equal(first.error, null)
  assert.equal(first.data.path, upload.path)
  assert.equal(first.data.fullPath, `${upload.bucket}/${upload.path}`)

  const again = await put()
  assert.equal(again.data, null)
  assert.equal(again.error.name, 'StorageApiError')
  assert.equal(again.error.status, 400)
  assert.equal(again.error.statusCode, '409')
  assert.equal(again.error.message, 'The resource already exists')
})

test('a Blob goes up as a form, its bytes unchanged', async () => {
  const { upload } = uploads.blob
  const { data, error } = await agent.storage
    .from(upload.bucket)
    .uploadToSignedUrl(upload.path, tokenOf(upload), new Blob([contents.blob], { type: 'text/csv' }))
  assert.equal(error, null)
  assert.equal(data.path, upload.path)
})

test('what was sent is received, with the size it had', async () => {
  const answer = await call('ingest_confirm_uploads', {
    files: Object.entries(uploads).map(([name, file]) => ({
      job_file_id: file.job_file_id,
      size_bytes: contents[name].length,
    })),
  })
  for (const file of answer.files) {
    assert.equal(file.problem, null)
    assert.notEqual(file.state, 'awaiting_upload')
  }
})

test('a token opens its own path and no other', async () => {
  const { upload } = uploads.buffer
  const { error } = await agent.storage
    .from(upload.bucket)
    .uploadToSignedUrl(`${upload.path}.other`, tokenOf(upload), contents.buffer)
  assert.equal(error.status, 400)
  assert.equal(error.statusCode, '400')
})

test('the publishable key alone reads no object', async () => {
  const { upload } = uploads.buffer
  const { data, error } = await agent.storage.from(upload.bucket).download(upload.path)
  assert.equal(data, null)
  assert.ok(error)
})

test('a refusal of the registry arrives as PostgREST would send it', async () => {
  const { data, error, status } = await client().rpc('ingest_inventory', {})
  assert.equal(data, null)
  assert.equal(status, 401)
  assert.equal(error.code, 'WB-2001')
  assert.equal(typeof error.message, 'string')
  assert.equal(typeof error.hint, 'string')
  assert.equal(error.details, null)
})

test('an unknown function, arguments, schema or row count is told apart', async () => {
  const unknown = await agent.rpc('no_such_function', {})
  assert.deepEqual([unknown.status, unknown.error.code], [404, 'PGRST202'])
  const misnamed = await agent.rpc('ingest_inventory', { nonsense: 1 })
  assert.deepEqual([misnamed.status, misnamed.error.code], [404, 'PGRST202'])
  const hidden = await agent.schema('ingest').rpc('claim_next', {})
  assert.deepEqual([hidden.status, hidden.error.code], [406, 'PGRST106'])
  const reading = await agent.rpc('ingest_inventory', {}, { get: true })
  assert.deepEqual([reading.status, reading.error.code], [405, '25006'])
  const single = await agent.rpc('ingest_inventory', {}).single()
  assert.equal(single.error, null)
  assert.ok(Array.isArray(single.data.files))
})

test('the inventory knows both files by their SHA-256', async () => {
  const inventory = await call('ingest_inventory', {})
  for (const bytes of Object.values(contents)) {
    assert.ok(inventory.files.some((file) => file.content_sha256 === sha256(bytes)))
  }
})
