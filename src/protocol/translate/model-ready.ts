import type { Buffer } from 'node:buffer';

import { type CodecFailure, fail } from '../codec-result.ts';
import { readScalar } from '../json-scalar.ts';
import { finishBody, startBody, writeText } from './json-body.ts';
import { failType, findMember, readElements, readRoot, spanAt } from './json-reader.ts';
import { skipValue, type Span } from '../json-scan.ts';
import { answerWith } from './requests.ts';
import type { AnswerTranslator, TranslatedAnswer } from './translation.ts';

/**
 * The answer to a readiness request of KServe V1 or the Open Inference Protocol over REST in the other one, which has the
 * same form: ready unless the body, which may be empty, says otherwise.
 */
export function readyAnswer(model: string): AnswerTranslator {
  return ({ body }) => (isReady(body) ? readyJson(model) : failNotReady());
}

/**
 * The answer to a readiness request as that of TF Serving to a status request, whose clients wait for `AVAILABLE`. Where
 * the client named no number of a version, it is the first.
 */
export function readyStatus(version: string): AnswerTranslator {
  const number = /^[0-9]{1,19}$/.test(version) ? version : '1';
  const status = { version: number, state: 'AVAILABLE', status: { error_code: 'OK', error_message: '' } };
  return ({ body }) => {
    if (!isReady(body)) return failNotReady();
    const out = startBody();
    out.text(JSON.stringify({ model_version_status: [status] }));
    return answerWith(finishBody(out));
  };
}

/** The answer to a readiness request as that to a probe of a server with one model: its status says all. */
export const probeAnswer: AnswerTranslator = ({ body }) => {
  if (!isReady(body)) return failNotReady();
  const out = startBody();
  out.ascii('\n');
  return { ok: true, headers: 'content-type: text/plain; charset=utf-8\r\n', body: finishBody(out).body };
};

function isReady(body: Buffer): boolean {
  const ready = findField(body, 'ready');
  return ready === null || 'ok' in ready || readScalar(body, ready) !== false;
}

/** The answer of TF Serving to a status request as that to a readiness request. */
export function statusAnswer(model: string): AnswerTranslator {
  return ({ body }) => {
    const statuses = findField(body, 'model_version_status');
    if (statuses !== null && 'ok' in statuses) return statuses;
    if (statuses?.kind !== 'array') return failType('model_version_status', 'an array');
    let isAvailable = false;
    readElements(body, statuses.start, (at) => {
      const status = spanAt(body, at);
      const state = status?.kind === 'object' ? findMember(body, status, 'state') : null;
      if (state !== null && readScalar(body, state) === 'AVAILABLE') isAvailable = true;
      return status === null ? -1 : status.end;
    });
    return isAvailable ? readyJson(model) : failNotReady();
  };
}

/** `{"name", "ready": true}`, in KServe V1 and in the Open Inference Protocol. */
export function readyJson(model: string): TranslatedAnswer {
  const out = startBody();
  out.ascii('{"name":');
  writeText(out, model);
  out.ascii(',"ready":true}');
  return answerWith(finishBody(out));
}

/** That a model is not ready is a failure: REST says it by the status. */
export function failNotReady(): CodecFailure {
  return fail('BAD_REQUEST', 'NOT_READY', 'The model is not ready.');
}

/** A field of the one object of a body; null when it has none, the failure for another body. */
function findField(json: Buffer, name: string): Span | null | CodecFailure {
  const found: { span: Span | null } = { span: null };
  const problem = readRoot(json, (key, at) => {
    if (key === name) found.span = spanAt(json, at);
    return skipValue(json, at);
  });
  return problem ?? found.span;
}
