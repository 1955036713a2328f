import type { ServerResponse } from 'node:http';

import { errorRegistry } from '../../src/core/errors.ts';
import type { Snapshot } from '../../src/core/snapshot.ts';
import type { InferencePath } from '../../src/protocol/inference-path.ts';
import { version } from '../../src/version.ts';

const EXTENSIONS = ['binary_tensor_data'];

/** Answers what concerns the gateway itself, not a model: metadata, health, the list of models. */
export function answerServerPath(
  meaning: InferencePath,
  snapshot: Snapshot,
  isReady: boolean,
  response: ServerResponse,
): void {
  switch (meaning.operation) {
    case 'server-metadata':
      return answer(response, 200, { name: 'makas', version, extensions: EXTENSIONS });
    case 'server-live':
      return answer(response, 200, { live: true, ready: isReady });
    case 'server-ready':
      return answer(response, isReady ? 200 : errorRegistry.NOT_READY.status, { ready: isReady, live: true });
    default:
      return answer(response, 200, { models: snapshot.index.modelNames });
  }
}

function answer(response: ServerResponse, status: number, content: object): void {
  const body = JSON.stringify(content);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
