import type { Buffer } from 'node:buffer';
import { Client, credentials, Metadata, Server, ServerCredentials, status } from '@grpc/grpc-js';
import type { handleUnaryCall } from '@grpc/grpc-js';
import { UPSTREAM_HOSTS } from '../upstream/upstream.ts';

const PATH = '/inference.GRPCInferenceService/ModelInfer';

const [port, upstreamPort] = process.argv.slice(2);
const [stable, canary] = UPSTREAM_HOSTS.map(
  (host) => new Client(`${host}:${upstreamPort}`, credentials.createInsecure()),
);

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let n = 0; n < text.length; n += 1) value = Math.imul(value ^ text.charCodeAt(n), 0x01000193);
  return value >>> 0;
}

const keepBytes = (bytes: Buffer): Buffer => bytes;

const pass: handleUnaryCall<Buffer, Buffer> = (call, answer) => {
  const user = String(call.metadata.get('x-user-id')[0] ?? '');
  const client = hash(user) % 100 < 90 ? stable : canary;
  if (client === undefined) {
    answer({ code: status.INTERNAL, details: 'no upstream' });
    return;
  }
  const metadata = new Metadata();
  metadata.set('x-user-id', user);
  const options = { deadline: call.getDeadline() };
  const sent = client.makeUnaryRequest(PATH, keepBytes, keepBytes, call.request, metadata, options, (error, message) =>
    answer(error, message),
  );
  call.on('cancelled', () => sent.cancel());
};

const server = new Server();
server.register(PATH, pass, keepBytes, keepBytes, 'unary');
server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error) => {
  if (error !== null) throw error;
});
process.on('SIGTERM', () => process.exit(0));
