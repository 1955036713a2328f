import type { Buffer } from 'node:buffer';
import { Server, ServerCredentials, type handleUnaryCall } from '@grpc/grpc-js';
import { freePort } from '../child.ts';
import { keepBytes } from '../grpc-client.ts';
import type { Call, GrpcCase } from '../scenario.ts';
import { UPSTREAM_HOSTS } from './upstream.ts';
import type { Witness } from './witness.ts';

async function listen(
  host: string,
  port: number,
  path: string,
  take: handleUnaryCall<Buffer, Buffer>,
): Promise<Server> {
  const server = new Server();
  server.register(path, take, keepBytes, keepBytes, 'unary');
  await new Promise<void>((resolve, reject) => {
    const bound = (error: Error | null): void => {
      if (error === null) resolve();
      else reject(error);
    };
    server.bindAsync(`${host}:${port}`, ServerCredentials.createInsecure(), bound);
  });
  return server;
}

function isSame(wanted: Call, got: Call): boolean {
  const hasMetadata = Object.entries(wanted.metadata).every(([name, value]) => got.metadata[name] === value);
  return got.message.equals(wanted.message) && hasMetadata;
}

function show({ message, metadata }: Call): string {
  return `${JSON.stringify(metadata)} ${message.toString('hex')}`;
}

/** A server of `@grpc/grpc-js` that answers as the upstream does and remembers messages and metadata. */
export async function startGrpcWitness(own: GrpcCase): Promise<Witness> {
  const { path } = own.call(0);
  let calls: Call[] = [];
  const take: handleUnaryCall<Buffer, Buffer> = (call, answer) => {
    const metadata = Object.fromEntries(
      Object.entries(call.metadata.getMap()).map(([name, value]) => [name, value.toString()]),
    );
    calls.push({ path, metadata, message: call.request });
    answer(null, own.answer);
  };
  const port = await freePort();
  const servers = await Promise.all(UPSTREAM_HOSTS.map((host) => listen(host, port, path, take)));
  return {
    port,
    clear: () => {
      calls = [];
    },
    assertForwarded: (name, n) => {
      const wanted = own.call(n);
      if (calls.some((each) => isSame(wanted, each))) return;
      const got = calls.map(show).join('\n');
      throw new Error(`${name} forwarded call ${n} wrongly:\n${got}\nexpected: ${show(wanted)}`);
    },
    stop: async () => {
      for (const each of servers) each.forceShutdown();
    },
  };
}
