import type { Buffer } from 'node:buffer';

import { type CodecFailure, fail } from '../codec-result.ts';
import type { Span } from '../json-scan.ts';
import type { JsonWriter } from '../json-writer.ts';
import { answerInRows } from './answer-rows.ts';
import { finishBody, startBody, writeText } from './json-body.ts';
import { checkFinite } from './json-form.ts';
import { findMember, readMembers, readRoot, spanAt } from './json-reader.ts';
import { eachMlflowTensor, isDataField } from './mlflow-data.ts';
import { probeAnswer } from './model-ready.ts';
import { getFrom, postTo } from './requests.ts';
import { writeRowInput } from './row-writer.ts';
import type { Translator } from './translation.ts';
import { failBase64, failOperation, failUnsupported } from './wording.ts';

/**
 * A request for an MLflow scoring server, or a SageMaker container that takes the same JSON, as a request of the Open
 * Inference Protocol in the form of MLServer's MLflow runtime: one tensor for each column of a table, and the
 * `content_type` that says what the tensors are: `pd` a table, `dict` named tensors, `np` one tensor.
 */
export const mlflowToOip: Translator = (request, settings) => {
  if (request.operation === 'model-ready') return getFrom('oip', request, probeAnswer);
  if (request.operation !== 'infer') return failOperation(request.operation);
  const type = request.contentType.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (type !== '' && type !== 'application/json') {
    const text = `The content type ${JSON.stringify(type.slice(0, 64))} has no translation; send application/json.`;
    return fail('BAD_BODY', 'CONTENT_TYPE', text);
  }
  const json = request.body;
  const fields = readFields(json);
  if (!('params' in fields)) return fields;
  const unfit = settings.isBetween ? null : checkFinite(json, fields.params, 'field "params"');
  if (unfit !== null) return unfit;
  const out = startBody();
  out.ascii('{"inputs":[');
  const tail: Buffer[] = [];
  let count = 0;
  let isNamed = false;
  const problem = eachMlflowTensor(json, fields.field, fields.data, (name, tensor) => {
    if (name === 'b64' && fields.field === 'instances') return failBase64(fields.field);
    if (count++ > 0) out.byte(0x2c);
    isNamed ||= name !== '';
    return writeRowInput(out, name, tensor, settings, tail, true);
  });
  if (problem !== null) return problem;
  const isTable = fields.field.startsWith('dataframe_');
  out.ascii(`],"parameters":{"content_type":"${isTable ? 'pd' : isNamed ? 'dict' : 'np'}"`);
  writeParams(out, json, fields.params);
  out.ascii('}}');
  return postTo('oip', request, finishBody(out, tail), (answer) => answerInRows(answer, true));
};

interface Fields {
  readonly field: string;
  readonly data: Span;
  readonly params: Span | null;
}

function readFields(json: Buffer): Fields | CodecFailure {
  const found: { data: Span | null; field: string; params: Span | null } = { data: null, field: '', params: null };
  const problem = readRoot(json, (key, at) => {
    const span = spanAt(json, at);
    if (span === null) return -1;
    if (key === 'params') {
      if (span.kind !== 'object' && span.kind !== 'null')
        return fail('BAD_BODY', 'WRONG_TYPE', '"params" must be an object.');
      found.params = span.kind === 'object' ? span : null;
    } else if (!isDataField(key)) return failUnsupported(key);
    else if (found.field !== '' && found.field !== key)
      return failUnsupported(key, 'stands beside other data; send one form');
    else {
      found.field = key;
      found.data = span;
    }
    return span.end;
  });
  if (problem !== null) return problem;
  const { field, data, params } = found;
  if (data === null) {
    const text = 'The request needs its data in "dataframe_split", "dataframe_records", "instances" or "inputs".';
    return fail('BAD_BODY', 'MISSING', text);
  }
  if (findMember(json, params, 'content_type') !== null) {
    return failUnsupported('params.content_type', 'is taken by the translation; leave it out');
  }
  return { field, data, params };
}

function writeParams(out: JsonWriter, json: Buffer, params: Span | null): void {
  if (params === null) return;
  readMembers(json, params.start, (key, at) => {
    const span = spanAt(json, at);
    if (span === null) return -1;
    out.byte(0x2c);
    writeText(out, key);
    out.byte(0x3a);
    out.raw(json.subarray(span.start, span.end));
    return span.end;
  });
}
