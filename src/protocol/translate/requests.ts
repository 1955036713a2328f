import type { Buffer } from 'node:buffer';

import type { CodecFailure } from '../codec-result.ts';
import { headerLine, type HeaderBlock } from '../header-block.ts';
import { writeInferencePath } from '../paths/inference-path.ts';
import { pathMeaning, POST } from '../paths/path-meaning.ts';
import { jsonHeaders, type WrittenBody } from './json-body.ts';
import type { TranslatableRequest, TranslatedAnswer, TranslatedRequest, AnswerTranslator } from './translation.ts';
import { failNoModel } from './wording.ts';

/** The fields of a gRPC message; clients must say that they take trailers. */
const grpcRequestHeaders: HeaderBlock = headerLine('content-type', 'application/grpc') + headerLine('te', 'trailers');
const grpcAnswerHeaders: HeaderBlock = headerLine('content-type', 'application/grpc');

/** A request that posts a body to the path of the operation in an HTTP protocol. */
export function postTo(
  protocol: 'oip' | 'kserve-v1' | 'tfserving',
  request: TranslatableRequest,
  { headers, body }: WrittenBody,
  answer: AnswerTranslator,
): TranslatedRequest | CodecFailure {
  const { model, version, operation } = request;
  // KServe V1 has no versions: the backend is the one that was chosen.
  const path = protocolPath(protocol, operation, model, protocol === 'kserve-v1' ? '' : version);
  return path === null ? failNoModel() : { ok: true, method: 'POST', path, headers, body, answer };
}

/** A request without a body to the path of the operation in an HTTP protocol. */
export function getFrom(
  protocol: 'oip' | 'kserve-v1' | 'tfserving',
  { operation, model, version }: TranslatableRequest,
  answer: AnswerTranslator,
): TranslatedRequest | CodecFailure {
  const path = protocolPath(protocol, operation, model, protocol === 'kserve-v1' ? '' : version);
  return path === null ? failNoModel() : { ok: true, method: 'GET', path, headers: '', body: null, answer };
}

/** The path of an operation on a model; null without a model, or with a name that cannot stand in a path. */
function protocolPath(
  protocol: 'oip' | 'kserve-v1' | 'tfserving',
  operation: TranslatableRequest['operation'],
  model: string,
  version: string,
): string | null {
  return model === '' ? null : writeInferencePath(pathMeaning(protocol, operation, POST), model, version);
}

/** A call of a method of the Open Inference Protocol over gRPC. */
export function callMethod(method: string, body: Buffer, answer: AnswerTranslator): TranslatedRequest {
  const path = `/inference.GRPCInferenceService/${method}`;
  return { ok: true, method: 'POST', path, headers: grpcRequestHeaders, body, answer };
}

/** An answer in JSON, with binary tensors behind it or without. */
export function answerWith({ headers, body }: WrittenBody): TranslatedAnswer {
  return { ok: true, headers, body };
}

/** An answer that is JSON as it stands. */
export function answerJson(body: Buffer): TranslatedAnswer {
  return { ok: true, headers: jsonHeaders, body };
}

/** An answer that is one protobuf message. */
export function answerMessage(body: Buffer): TranslatedAnswer {
  return { ok: true, headers: grpcAnswerHeaders, body };
}
