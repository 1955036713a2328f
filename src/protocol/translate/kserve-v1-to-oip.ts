import { fail } from '../codec-result.ts';
import { answerInRows } from './answer-rows.ts';
import { compose } from './compose.ts';
import { finishBody, startBody, writeTensor } from './json-body.ts';
import { readV1Request } from './kserve-v1-body.ts';
import { readyAnswer } from './model-ready.ts';
import { getFrom, postTo } from './requests.ts';
import { eachRowTensor } from './row-tensors.ts';
import { tfservingToKserveV1 } from './tfserving-to-kserve-v1.ts';
import type { Translator } from './translation.ts';
import { failOperation, failUnsupported } from './wording.ts';

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
  const out = startBody();
  out.byte(0x7b);
  if (parameters !== null) {
    out.ascii('"parameters":');
    out.raw(json.subarray(parameters.start, parameters.end));
    out.byte(0x2c);
  }
  out.ascii('"inputs":[');
  const names: string[] = [];
  const problem = eachRowTensor(json, rows, field, (name, tensor) => {
    const datatype = tensor.datatype(settings.float);
    if (typeof datatype !== 'string') return datatype;
    if (names.length > 0) out.byte(0x2c);
    names.push(name);
    writeTensor(out, name === '' ? settings.tensor : name, tensor.shape, datatype, tensor.takeData());
    return null;
  });
  if (problem !== null) return problem;
  if (names.length === 1 && names[0] === 'b64') {
    const text = `The elements {"b64": ...} of "${field}" are bytes in Base64, which have no translation; send strings.`;
    return fail('BAD_BODY', 'UNSUPPORTED_FIELD', text);
  }
  out.ascii(']}');
  return postTo('oip', request, finishBody(out), (answer) => answerInRows(answer));
};

const byColumns = compose(tfservingToKserveV1, (request, settings) => kserveV1ToOip(request, settings));
