import { Buffer } from 'node:buffer';

import { errorRegistry } from '../../src/core/errors.ts';
import type { Operation, Protocol } from '../../src/core/facts.ts';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { errorAnswer } from '../../src/protocol/error-answer.ts';
import type { HeaderBlock } from '../../src/protocol/header-block.ts';
import type { InferencePath } from '../../src/protocol/paths/inference-path.ts';
import { version } from '../../src/version.ts';
import { namesServed } from './served-names.ts';

export interface ServerAnswer {
  readonly status: number;
  /** Type and length of the body among them. */
  readonly headers: HeaderBlock;
  readonly body: Buffer | null;
}

/**
 * The answer to what concerns the gateway itself and not a model: metadata, health, the list of models, each in the form
 * of its protocol. Null for all that a backend is asked.
 */
export function serverAnswer(meaning: InferencePath, snapshot: Snapshot, isReady: boolean): ServerAnswer | null {
  switch (meaning.operation) {
    case 'server-metadata':
      return metadata(meaning, snapshot);
    case 'server-live':
      return health(meaning, true, isReady);
    case 'server-ready':
      return health(meaning, isReady, isReady);
    case 'model-list':
      return json(200, modelList(meaning, snapshot));
    case 'model-ready':
      return modelReady(meaning, snapshot, isReady);
    case 'model-metadata':
      return meaning.protocol === 'openai' ? oneModel(meaning.model, snapshot) : null;
    default:
      return null;
  }
}

/** `/v1/models/{m}` is a path of OpenAI's clients too, whose models have no readiness. */
function modelReady(meaning: InferencePath, snapshot: Snapshot, isReady: boolean): ServerAnswer | null {
  const { protocol, model } = meaning;
  if (protocol === 'kserve-v1') {
    const isServed = (by: Protocol): boolean => namesServed(snapshot, by).includes(model);
    return isServed('openai') && !isServed(protocol) ? oneModel(model, snapshot) : null;
  }
  // The probe of a server with one model is that of whoever sends requests, too.
  return protocol === 'oip' || isReady ? null : health(meaning, false, isReady);
}

function metadata({ protocol }: InferencePath, snapshot: Snapshot): ServerAnswer {
  if (protocol === 'mlflow') return text(200, version);
  return json(200, { name: 'makas', version, extensions: extensionsOf(snapshot) });
}

/** Extensions of Triton (docs/protocol/README.md) that a route opens by allowing their operation. */
const allowedExtensions: ReadonlyArray<readonly [Operation, name: string]> = [
  ['repository-index', 'model_repository'],
  ['trace-setting', 'trace'],
  ['log-settings', 'logging'],
  ['shared-memory', 'system_shared_memory'],
  ['shared-memory', 'cuda_shared_memory'],
];

/** What passes to every model server, and what Triton has besides. */
function extensionsOf({ backends, routes }: Snapshot): string[] {
  const extensions = ['binary_tensor_data', 'parameters'];
  if (!backends.some(({ protocol }) => protocol === 'triton')) return extensions;
  extensions.push('classification', 'model_configuration', 'statistics', 'generate');
  for (const [operation, name] of allowedExtensions) {
    if (routes.some(({ allowed }) => allowed.has(operation))) extensions.push(name);
  }
  return extensions;
}

function health({ protocol, operation }: InferencePath, isWell: boolean, isReady: boolean): ServerAnswer {
  const status = isWell ? 200 : errorRegistry.NOT_READY.status;
  switch (protocol) {
    case 'kserve-v1':
      return json(status, { status: 'alive' });
    case 'mlflow':
    case 'sagemaker':
    case 'openai':
      return text(status, '\n');
    case 'ray-serve':
      return text(status, isWell ? 'success' : errorRegistry.NOT_READY.message);
    case 'seldon-v1':
      return json(status, { status: { code: status, status: isWell ? 'SUCCESS' : 'FAILURE' } });
    default:
      return json(
        status,
        operation === 'server-live' ? { live: true, ready: isReady } : { ready: isReady, live: true },
      );
  }
}

/** `/v1/models` is a path of two protocols whose clients read different keys. */
function modelList({ protocol }: InferencePath, snapshot: Snapshot): object {
  if (protocol === 'oip') return { models: namesServed(snapshot, protocol) };
  const list = { object: 'list', data: namesServed(snapshot, 'openai').map(openAiModel) };
  return protocol === 'openai' ? list : { ...list, models: namesServed(snapshot, protocol) };
}

function oneModel(model: string, snapshot: Snapshot): ServerAnswer {
  if (namesServed(snapshot, 'openai').includes(model)) return json(200, openAiModel(model));
  const code = 'ROUTE_NOT_FOUND';
  const answer = errorAnswer('openai', { ...errorRegistry[code], code });
  return { ...answer, headers: `${answer.headers}makas-error: ${code}\r\n` };
}

function openAiModel(id: string): object {
  return { id, object: 'model', created: 0, owned_by: 'makas' };
}

function json(status: number, content: object): ServerAnswer {
  return whole(status, 'application/json', JSON.stringify(content));
}

function text(status: number, content: string): ServerAnswer {
  return whole(status, 'text/plain; charset=utf-8', content);
}

function whole(status: number, type: string, content: string): ServerAnswer {
  const body = Buffer.from(content, 'utf8');
  return { status, headers: `content-type: ${type}\r\ncontent-length: ${body.length}\r\n`, body };
}
