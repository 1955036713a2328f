import { Buffer } from 'node:buffer';

import type { Operation } from '../core/facts.ts';
import type { Backend } from '../core/snapshot.ts';
import { type CodecFailure, fail } from '../protocol/codec-result.ts';
import { frameMessage } from '../protocol/grpc/frame.ts';
import { withoutHeaders } from '../protocol/header-block.ts';
import { isGrpc } from '../protocol/protocols.ts';
import { findTranslator } from '../protocol/translate/table.ts';
import { isWhole, type Exchange } from './exchange.ts';
import { TranslationMapping } from './translation-mapping.ts';
import { type BackendRequest, crossingFields, mustRename } from './backend-fields.ts';

/** Fields that describe the client's body, or what only its protocol has. */
const OF_THE_BODY: ReadonlySet<string> = new Set([
  'content-type',
  'content-encoding',
  'inference-header-content-length',
  'accept',
  'accept-encoding',
  'grpc-encoding',
  'grpc-accept-encoding',
  'grpc-timeout',
  'te',
]);

const streams: ReadonlySet<Operation> = new Set<Operation>(['infer-stream', 'generate-stream']);

/** The request in the protocol of a backend that speaks another one than the client. */
export function translatedRequest(exchange: Exchange, backend: Backend): BackendRequest | CodecFailure {
  const { facts } = exchange;
  const translate = findTranslator(facts.protocol, backend.protocol);
  if (translate === null) {
    const text = `This model is served with the protocol ${backend.protocol}, into which ${facts.protocol} is not translated.`;
    return fail('BAD_REQUEST', 'NO_TRANSLATION', text);
  }
  if (streams.has(facts.operation)) {
    const text = `Streams are not translated, and this model is served with the protocol ${backend.protocol}.`;
    return fail('BAD_REQUEST', 'NO_TRANSLATION', text);
  }
  if (facts.header('ce-specversion') !== undefined) {
    const text = 'CloudEvents are not translated; send the request as plain JSON, without ce- headers.';
    return fail('BAD_REQUEST', 'NO_TRANSLATION', text);
  }
  if (!isWhole(exchange.body)) return fail('BAD_REQUEST', 'NO_TRANSLATION', 'The body is too large to be translated.');
  const body = exchange.isDecoded || facts.isPlainBody() ? exchange.body : facts.plainBody();
  if (body === null && exchange.body !== null) {
    const { code, message } = facts.decodingProblem()!;
    return fail(code, 'NO_TRANSLATION', message);
  }
  const translated = translate(
    {
      operation: facts.operation,
      model: backend.model ?? facts.model,
      version: backend.version ?? facts.version,
      contentType: facts.header('content-type') ?? '',
      body: body ?? NOTHING,
      inferenceHeaderLength: exchange.inferenceHeaderLength ?? facts.inferenceHeaderLength(),
    },
    backend.translation,
  );
  if (!translated.ok) return translated;
  const { method, path, answer } = translated;
  const headers = withoutHeaders(crossingFields(exchange, backend), OF_THE_BODY) + translated.headers;
  const sent = translated.body !== null && isGrpc(backend.protocol) ? frameMessage(translated.body) : translated.body;
  const names = mustRename(backend, facts.model) ? { from: backend.model as string, to: facts.model } : null;
  const mapping = new TranslationMapping(facts.protocol, backend.protocol, answer, names);
  return { method, path, headers, body: sent, mapping };
}

const NOTHING = Buffer.alloc(0);
