import type { Backend, Endpoint } from '../core/snapshot.ts';
import type { CodecFailure } from '../protocol/codec-result.ts';
import type { FeatureBody } from '../protocol/feature-body.ts';
import { setHeader, withoutHeaders } from '../protocol/header-block.ts';
import { inferenceHeader } from '../protocol/oip-binary.ts';
import { isAboutAll, writeInferencePath } from '../protocol/paths/inference-path.ts';
import { rayProbe } from '../protocol/paths/ray-serve.ts';
import { isGrpc, speaks } from '../protocol/protocols.ts';
import { renameAnswer } from '../protocol/rename.ts';
import { type BackendRequest, crossingFields, mustRename } from './backend-fields.ts';
import { isWhole, type Exchange } from './exchange.ts';
import { featuredRequest } from './featured-request.ts';
import { grpcRequest } from './grpc-request.ts';
import { NameMapping } from './name-mapping.ts';
import { translatedRequest } from './translated-request.ts';

const ENCODING: ReadonlySet<string> = new Set(['content-encoding']);

/**
 * Builds the request for a backend: mapped path, filtered headers, body with its names, or in another protocol; with its
 * features where the protocol of the backend has them.
 */
export function backendRequest(exchange: Exchange, backend: Backend): BackendRequest | CodecFailure {
  const { facts, features } = exchange;
  const { protocol } = facts;
  if (!speaks(backend.protocol, protocol)) {
    const request = translatedRequest(exchange, backend);
    return features === null || 'ok' in request ? request : featuredRequest(request, backend.protocol, features);
  }
  const featured = features === null ? null : features.own();
  if (featured !== null && 'ok' in featured) return featured;
  return isGrpc(protocol) ? grpcRequest(exchange, backend, featured) : plainRequest(exchange, backend, featured);
}

/** Path and query at an endpoint. */
export function endpointPath(endpoint: Endpoint, request: Pick<BackendRequest, 'path'>): string {
  const isOfRoot = endpoint.prefix === '' || request.path.startsWith(rayProbe);
  return isOfRoot ? request.path : endpoint.prefix + request.path;
}

function plainRequest(exchange: Exchange, backend: Backend, featured: FeatureBody | null): BackendRequest {
  const { facts, features } = exchange;
  const { method, protocol } = facts;
  const isRenamed = mustRename(backend, facts.model);
  const isDecoded = features !== null && features.isDecoded;
  let body = featured === null ? exchange.body : featured.bytes;
  let inferenceHeaderLength = featured === null ? null : featured.inferenceHeaderLength;
  let headers = crossingFields(exchange, backend);
  if (isDecoded) headers = withoutHeaders(headers, ENCODING);
  const key = protocol === 'oip' ? 'model_name' : protocol === 'openai' ? 'model' : null;
  const isReadable = isDecoded || facts.isPlainBody();
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
  const mapped = meaning === null || isAboutAll(meaning) ? null : writeInferencePath(meaning, model, version);
  return (mapped ?? facts.path) + query;
}
