import { errorRegistry } from '../../src/core/errors.ts';
import type { Snapshot } from '../../src/core/snapshot.ts';
import type { InferencePath } from '../../src/protocol/inference-path.ts';
import { version } from '../../src/version.ts';

const EXTENSIONS = ['binary_tensor_data'];

export interface ServerAnswer {
  readonly status: number;
  readonly content: object;
}

/** What concerns the gateway itself, not a model: metadata, health, the list of models. */
export function serverAnswer(meaning: InferencePath, snapshot: Snapshot, isReady: boolean): ServerAnswer {
  switch (meaning.operation) {
    case 'server-metadata':
      return { status: 200, content: { name: 'makas', version, extensions: EXTENSIONS } };
    case 'server-live':
      return { status: 200, content: { live: true, ready: isReady } };
    case 'server-ready':
      return {
        status: isReady ? 200 : errorRegistry.NOT_READY.status,
        content: { ready: isReady, live: true },
      };
    default:
      return { status: 200, content: { models: snapshot.index.modelNames } };
  }
}
