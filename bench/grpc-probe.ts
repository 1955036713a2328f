import { connect } from 'node:http2';
import { CallClient, type CallAnswer } from './grpc-client.ts';
import { READY_PATH } from './nginx.ts';
import { probeNumbers } from './probe.ts';
import type { GrpcCase } from './scenario.ts';

const READY_MS = 1_000;

/** True when a stream of HTTP/2 is answered, with whatever status. */
export async function isAnswering(port: number): Promise<boolean> {
  const session = connect(`http://127.0.0.1:${port}`);
  session.setTimeout(READY_MS, () => session.destroy());
  try {
    return await new Promise((resolve) => {
      session.once('error', () => resolve(false));
      session.once('close', () => resolve(false));
      const stream = session.request({ ':path': READY_PATH });
      stream.on('error', () => resolve(false));
      stream.once('response', () => resolve(true));
    });
  } finally {
    session.destroy();
  }
}

function show({ code, details, message }: CallAnswer): string {
  return message === null ? `status ${code} ${details}` : `status ${code}, message ${message.toString('hex')}`;
}

async function probeWith(client: CallClient, name: string, wanted: GrpcCase, n: number): Promise<void> {
  const answer = await client.call(wanted.call(n));
  if (answer.code === 0 && answer.message?.equals(wanted.answer) === true) return;
  const expected = show({ code: 0, details: '', message: wanted.answer });
  throw new Error(`${name} gave a wrong answer to call ${n}: ${show(answer)}\nexpected: ${expected}`);
}

async function probeAll(name: string, port: number, wanted: GrpcCase, numbers: readonly number[]): Promise<void> {
  const client = new CallClient(port);
  try {
    for (const n of numbers) await probeWith(client, name, wanted, n);
  } finally {
    client.close();
  }
}

/** Makes call n; throws unless the answer is OK with exactly the expected bytes. */
export async function probeCall(name: string, port: number, wanted: GrpcCase, n: number): Promise<void> {
  await probeAll(name, port, wanted, [n]);
}

/** Makes a few calls on one connection; throws on the first wrong answer. */
export async function probeCalls(name: string, port: number, wanted: GrpcCase): Promise<void> {
  await probeAll(name, port, wanted, probeNumbers(wanted));
}
