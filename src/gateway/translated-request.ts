import { Buffer } from 'node:buffer';

import type { Operation } from '../core/facts.ts';
import type { Backend, Route, Rule } from '../core/snapshot.ts';
import { type CodecFailure, fail } from '../protocol/codec-result.ts';
import { frameMessage } from '../protocol/grpc/frame.ts';
import { withoutHeaders } from '../protocol/header-block.ts';
import { isGrpc } from '../protocol/protocols.ts';
import { findTranslator } from '../protocol/translate/table.ts';
import type { TranslatedRequest } from '../protocol/translate/translation.ts';
import { isWhole, type Exchange } from './exchange.ts';
import { lostVersion } from './translated-version.ts';
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
  const { facts, record } = exchange;
  const translated = translate(exchange, backend, record);
  if (!translated.ok) return translated;
  const { method, path, answer } = translated;
  const headers = withoutHeaders(crossingFields(exchange, backend), OF_THE_BODY) + translated.headers;
  const sent = translated.body !== null && isGrpc(backend.protocol) ? frameMessage(translated.body) : translated.body;
  const names = mustRename(backend, facts.model) ? { from: backend.model as string, to: facts.model } : null;
  const mapping = new TranslationMapping(facts.protocol, backend.protocol, answer, names);
  return { method, path, headers, body: sent, mapping };
}

/** What of an exchange is translated. */
export type Translatable = Pick<Exchange, 'facts' | 'body'>;

/** Writes a request in the protocol of a backend, or says why it cannot be; by `matched` it came to this backend. */
export function translate(
  { facts, body: sent }: Translatable,
  backend: Backend,
  matched: { readonly route: Route | null; readonly rule: Rule | null },
): TranslatedRequest | CodecFailure {
  const translator = findTranslator(facts.protocol, backend.protocol);
  if (translator === null) {
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
  const lost = lostVersion(facts, backend, matched.route, matched.rule);
  if (lost !== null) return lost;
  if (!isWhole(sent)) return fail('BAD_REQUEST', 'NO_TRANSLATION', 'The body is too large to be translated.');
  const body = facts.isPlainBody() ? sent : facts.plainBody();
  if (body === null && sent !== null) {
    const { code, message } = facts.decodingProblem()!;
    return fail(code, 'NO_TRANSLATION', message);
  }
  const request = {
    operation: facts.operation,
    model: backend.model ?? facts.model,
    version: backend.version ?? facts.version,
    named: facts,
    contentType: facts.header('content-type') ?? '',
    body: body ?? NOTHING,
    inferenceHeaderLength: facts.inferenceHeaderLength(),
  };
  return translator(request, backend.translation);
}

const NOTHING = Buffer.alloc(0);
