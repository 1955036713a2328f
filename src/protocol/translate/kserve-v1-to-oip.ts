import type { Buffer } from 'node:buffer';

import { fail } from '../codec-result.ts';
import { answerInRows } from './answer-rows.ts';
import { compose } from './compose.ts';
import { finishBody, startBody } from './json-body.ts';
import { checkFinite } from './json-form.ts';
import { readV1Request } from './kserve-v1-body.ts';
import { readyAnswer } from './model-ready.ts';
import { getFrom, postTo } from './requests.ts';
import { eachRowTensor } from './row-tensors.ts';
import { writeRowInput } from './row-writer.ts';
import { tfservingToKserveV1 } from './tfserving-to-kserve-v1.ts';
import type { Translator } from './translation.ts';
import { failBase64, failOperation, failUnsupported } from './wording.ts';

/**
 * KServe V1 `{"instances": rows}` (or `inputs`) as a request of the Open Inference Protocol: rows of scalars or arrays
 * are one tensor, rows that are objects one tensor for each key. TF Serving has the same path, so that its
 * `signature_name` and its columns are read as well.
 */
export const kserveV1ToOip: Translator = (request, settings) => {
  if (request.operation === 'model-ready') return getFrom('oip', request, readyAnswer(request.model));
  if (request.operation !== 'infer') return failOperation(request.operation);
  if (request.contentType.includes('cloudevents')) {
    return fail('BAD_BODY', 'CONTENT_TYPE', 'A CloudEvent has no translation; send plain JSON.');
  }
  const json = request.body;
  let isTensorFlow = false;
  const read = readV1Request(json, (key) => {
    if (key !== 'signature_name') return failUnsupported(key);
    isTensorFlow = true;
    return null;
  });
  if (!read.ok) return read;
  const { rows, field, parameters } = read;
  if (isTensorFlow || rows.kind === 'object') return byColumns(request, settings);
  const unfit = settings.isBetween ? null : checkFinite(json, parameters, 'field "parameters"');
  if (unfit !== null) return unfit;
  const out = startBody();
  out.byte(0x7b);
  if (parameters !== null) {
    out.ascii('"parameters":');
    out.raw(json.subarray(parameters.start, parameters.end));
    out.byte(0x2c);
  }
  out.ascii('"inputs":[');
  const names: string[] = [];
  const tail: Buffer[] = [];
  const problem = eachRowTensor(json, rows, field, (name, tensor) => {
    if (names.length > 0) out.byte(0x2c);
    names.push(name);
    return writeRowInput(out, name, tensor, settings, tail, false);
  });
  if (problem !== null) return problem;
  if (names.length === 1 && names[0] === 'b64') return failBase64(field);
  out.ascii(']}');
  return postTo('oip', request, finishBody(out, tail), (answer) => answerInRows(answer));
};

const byColumns = compose(tfservingToKserveV1, (request, settings) => kserveV1ToOip(request, settings));
