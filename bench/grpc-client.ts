import type { Buffer } from 'node:buffer';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import type { Call } from './scenario.ts';

const CALL_MS = 5_000;

/** How a call ended. */
export interface CallAnswer {
  /** The status of gRPC; 0 is OK. */
  readonly code: number;
  readonly details: string;
  /** Null unless the status is OK. */
  readonly message: Buffer | null;
}

/** Messages stay the bytes that they are. */
export function keepBytes(bytes: Buffer): Buffer {
  return bytes;
}

export function makeMetadata(fields: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(fields)) metadata.set(name, value);
  return metadata;
}

/** A client of `@grpc/grpc-js` with a connection of its own. */
export class CallClient {
  private readonly client: Client;

  constructor(port: number) {
    this.client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
    });
  }

  /** Makes a unary call; a failure is an answer too. */
  async call({ path, metadata, message }: Call): Promise<CallAnswer> {
    const options = { deadline: Date.now() + CALL_MS };
    return await new Promise((resolve) => {
      const take = (error: ServiceError | null, answer?: Buffer): void =>
        resolve(
          error === null
            ? { code: 0, details: '', message: answer ?? null }
            : { code: error.code, details: error.details, message: null },
        );
      this.client.makeUnaryRequest(path, keepBytes, keepBytes, message, makeMetadata(metadata), options, take);
    });
  }

  close(): void {
    this.client.close();
  }
}
