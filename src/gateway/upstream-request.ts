import type { Backend, Endpoint } from '../core/snapshot.ts';
import type { CodecFailure } from '../protocol/codec-result.ts';
import { setHeader, withoutHeaders } from '../protocol/header-block.ts';
import { inferenceHeader } from '../protocol/oip-binary.ts';
import { writeInferencePath } from '../protocol/paths/inference-path.ts';
import { isGrpc, speaks } from '../protocol/protocols.ts';
import { renameAnswer } from '../protocol/rename.ts';
import { type BackendRequest, crossingFields, mustRename } from './backend-fields.ts';
import { isWhole, type Exchange } from './exchange.ts';
import { grpcRequest } from './grpc-request.ts';
import { NameMapping } from './name-mapping.ts';
import { translatedRequest } from './translated-request.ts';

const ENCODING: ReadonlySet<string> = new Set(['content-encoding']);

/** Builds the request for a backend: mapped path, filtered headers, body with its names, or in another protocol. */
export function backendRequest(exchange: Exchange, backend: Backend): BackendRequest | CodecFailure {
  const { protocol } = exchange.facts;
  if (!speaks(backend.protocol, protocol)) return translatedRequest(exchange, backend);
  return isGrpc(protocol) ? grpcRequest(exchange, backend) : plainRequest(exchange, backend);
}

/** Path and query at an endpoint. */
export function endpointPath(endpoint: Endpoint, request: Pick<BackendRequest, 'path'>): string {
  return endpoint.prefix === '' ? request.path : endpoint.prefix + request.path;
}

function plainRequest(exchange: Exchange, backend: Backend): BackendRequest {
  const { facts } = exchange;
  const { method, protocol } = facts;
  const isRenamed = mustRename(backend, facts.model);
  let { body, inferenceHeaderLength } = exchange;
  let headers = crossingFields(exchange, backend);
  const key = protocol === 'oip' ? 'model_name' : protocol === 'openai' ? 'model' : null;
  const isReadable = exchange.isDecoded || facts.isPlainBody();
  if (isRenamed && key !== null && isWhole(body) && body !== null && (isReadable || protocol === 'openai')) {
    // The model of OpenAI requests is nowhere but in the body: then what is compressed leaves plain.
    const plain = isReadable ? body : facts.plainBody();
    const length = inferenceHeaderLength ?? facts.inferenceHeaderLength();
    const renamed = plain === null ? null : renameAnswer(plain, length, key, facts.model, backend.model as string);
    if (renamed !== null && renamed.body !== plain) {
      ({ body, inferenceHeaderLength } = renamed);
      if (!isReadable) headers = withoutHeaders(headers, ENCODING);
    }
  }
  if (inferenceHeaderLength !== null) headers = setHeader(headers, inferenceHeader, String(inferenceHeaderLength));
  const mapping = isRenamed ? new NameMapping(facts, backend.model as string, facts.model) : null;
  return { method, path: backendPath(exchange, backend), headers, body, mapping };
}

function backendPath({ facts, meaning }: Exchange, backend: Backend): string {
  const query = facts.query === '' ? '' : `?${facts.query}`;
  if (backend.model === null && backend.version === null) return facts.path + query;
  const model = backend.model ?? facts.model;
  const version = backend.version ?? facts.version;
  const mapped = meaning === null ? null : writeInferencePath(meaning, model, version);
  return (mapped ?? facts.path) + query;
}
