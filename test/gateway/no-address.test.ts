// Who has reset its connection before it was accepted has no address: locks by network, limits and the trail could not judge it.
import { once } from 'node:events'
import { duplexPair } from 'node:stream'
import { Worker } from 'node:worker_threads'
import { expect, test } from '@jest/globals'
import { connectRaw } from '../support/raw-client.ts'
import { turns, useRig } from '../support/rig.ts'
import { request } from '../support/start-data-plane.ts'

const start = useRig()
const ROUTES = [{ path: '/open', methods: ['POST'] }] as const
const POST = request('POST', '/open', { 'Content-Length': '2' }, '{}')

test('a connection without an address is ended, and nothing of it is judged', async () => {
  const { plane, upstream } = await start({ routes: ROUTES })
  const [ours, theirs] = duplexPair()
  ours.on('error', () => undefined)
  ours.write(POST)
  plane.server.accept(theirs)
  await turns()
  expect(theirs.destroyed).toBe(true)
  expect(plane.server.connections).toBe(0)
  expect(plane.trail.requests).toEqual([])
  expect(upstream.connections.length).toBe(0)
})

/** Connects, asks and resets while this thread does nothing else: the listener gets round to it when it is over. */
const CALLER = `
  const { workerData: { port, over, bytes } } = require('node:worker_threads')
  const socket = require('node:net').connect({ port, host: '127.0.0.1' }, () => {
    socket.write(bytes, () => socket.resetAndDestroy())
  })
  socket.on('error', () => undefined).on('close', () => {
    Atomics.store(over, 0, 1)
    Atomics.notify(over, 0)
  })
`

test('a lock by network holds against a caller that is gone before it is accepted', async () => {
  const { plane, upstream } = await start({ routes: ROUTES })
  plane.lock({ cidrs: ['127.0.0.0/8'] })
  const over = new Int32Array(new SharedArrayBuffer(4))
  const caller = new Worker(CALLER, { eval: true, workerData: { port: plane.port, over, bytes: POST } })
  Atomics.wait(over, 0, 0, 20_000)
  await once(caller, 'exit')
  await turns(50)
  expect(upstream.connections.length).toBe(0)
  expect(plane.trail.requests.filter(({ client }) => client !== '127.0.0.1')).toEqual([])
})

test('by a unix socket nobody has an address, and everybody is answered', async () => {
  const path = `/tmp/portcullis-no-address-${process.pid}.sock`
  const { plane } = await start({ routes: ROUTES, listen: path })
  const client = await connectRaw(path)
  client.write(POST)
  expect((await client.response()).status).toBe(200)
  client.close()
  expect(plane.trail.requests.at(-1)).toMatchObject({ client: 'unix' })
})
