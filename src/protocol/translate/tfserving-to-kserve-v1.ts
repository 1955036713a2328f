import type { Buffer } from 'node:buffer';

import { type CodecFailure, fail } from '../codec-result.ts';
import { readString } from '../json-scalar.ts';
import { skipValue, type Span } from '../json-scan.ts';
import type { JsonWriter } from '../json-writer.ts';
import { finishBody, startBody, writeText } from './json-body.ts';
import { failType, readElements, readMembers } from './json-reader.ts';
import { checkFiniteRows, readPredictions, readV1Request, type V1Request } from './kserve-v1-body.ts';
import { checkKeys } from './nested-rows.ts';
import { readyStatus } from './model-ready.ts';
import { answerJson, answerWith, getFrom, postTo } from './requests.ts';
import { type Columns, readColumns } from './row-tensors.ts';
import type {
  TranslatableAnswer,
  TranslatableRequest,
  TranslatedAnswer,
  TranslatedRequest,
  Translator,
} from './translation.ts';
import { failOperation, failUnsupported, shown } from './wording.ts';

/**
 * TF Serving's predict request for a server of KServe V1: rows (`instances`) as they are; columns (`inputs`) as rows, with
 * the predictions as columns (`outputs`) on the way back. There is but one signature. The status of a model is whether it
 * is ready.
 */
export const tfservingToKserveV1: Translator = (request, { isBetween }) => {
  if (request.operation === 'model-status') return askReadiness(request);
  if (request.operation !== 'infer') return failOperation(request.operation);
  const json = request.body;
  const read = readV1Request(json, (key, span) => {
    if (key !== 'signature_name') return failUnsupported(key);
    if (span.kind === 'null') return null;
    const isDefault = span.kind === 'string' && readString(json, span.start, span.end) === 'serving_default';
    return isDefault ? null : failUnsupported(key, 'names a signature; this model has only "serving_default"');
  });
  if (!read.ok) return read;
  const unfit = isBetween ? null : checkFiniteRows(json, read);
  if (unfit !== null) return unfit;
  const out = startBody();
  out.ascii('{"instances":');
  const problem = writeInstances(out, json, read);
  if (problem !== null) return problem;
  if (read.parameters !== null) {
    out.ascii(',"parameters":');
    out.raw(json.subarray(read.parameters.start, read.parameters.end));
  }
  out.byte(0x7d);
  return postTo('kserve-v1', request, finishBody(out), read.field === 'instances' ? answerAsIs : answerInColumns);
};

function askReadiness(request: TranslatableRequest): TranslatedRequest | CodecFailure {
  const operation = 'model-ready';
  const asked = getFrom('kserve-v1', { ...request, operation }, readyStatus(request.version));
  return asked.ok ? { ...asked, operation } : asked;
}

function writeInstances(out: JsonWriter, json: Buffer, { rows }: V1Request): CodecFailure | null {
  if (rows.kind === 'array') {
    out.raw(json.subarray(rows.start, rows.end));
    return null;
  }
  const columns =
    rows.kind === 'object' ? readInputColumns(json, rows) : failType('inputs', 'an array, or an object of arrays');
  return 'ok' in columns ? columns : writeRowsOf(out, json, columns);
}

/** `inputs` as an object with an array for each input. */
function readInputColumns(json: Buffer, inputs: Span): Columns | CodecFailure {
  const columns = new Map<string, number[]>();
  const problem = readMembers(json, inputs.start, (name, at) => {
    const field = `inputs.${name.slice(0, 64)}`;
    if (json[at] !== 0x5b) return failType(field, 'an array with one element for each row');
    const cells: number[] = [];
    columns.set(name, cells);
    return readElements(json, at, (start) => {
      cells.push(start);
      return skipValue(json, start);
    });
  });
  if (typeof problem !== 'number') return problem;
  const names = [...columns.keys()];
  const cells = [...columns.values()];
  const uneven = cells.findIndex(({ length }) => length !== cells[0]?.length);
  if (uneven !== -1) {
    const text = `The input ${shown(names[uneven]!)} has ${cells[uneven]!.length} rows and ${shown(names[0]!)} ${cells[0]!.length}; send as many of each.`;
    return fail('BAD_BODY', 'ROW_COUNT', text);
  }
  return names.length > 0 ? { names, cells } : fail('BAD_BODY', 'MISSING', 'The object "inputs" has no input.');
}

function writeRowsOf(out: JsonWriter, json: Buffer, { names, cells }: Columns): CodecFailure | null {
  const rows = cells[0]!.length;
  const keys = names.map((name) => `${JSON.stringify(name)}:`);
  const tooLong = checkKeys(keys, rows);
  if (tooLong !== null) return tooLong;
  out.byte(0x5b);
  for (let row = 0; row < rows; row++) {
    if (row > 0) out.byte(0x2c);
    for (const [column, key] of keys.entries()) {
      out.byte(column === 0 ? 0x7b : 0x2c);
      out.text(key);
      const at = cells[column]![row]!;
      out.raw(json.subarray(at, skipValue(json, at)));
    }
    out.byte(0x7d);
  }
  out.byte(0x5d);
  return null;
}

/** The answer to rows. */
function answerAsIs({ body }: TranslatableAnswer): TranslatedAnswer | CodecFailure {
  const predictions = readPredictions(body);
  return 'ok' in predictions ? predictions : answerJson(body);
}

/** The answer to columns: `{"outputs": ...}`, with an array for each key of the predictions that are objects. */
function answerInColumns({ body }: TranslatableAnswer): TranslatedAnswer | CodecFailure {
  const predictions = readPredictions(body);
  if ('ok' in predictions) return predictions;
  const columns = predictions.kind === 'array' ? readColumns(body, predictions, 'predictions') : null;
  if (columns !== null && 'ok' in columns) return columns;
  const out = startBody();
  out.ascii('{"outputs":');
  if (columns === null) out.raw(body.subarray(predictions.start, predictions.end));
  else writeColumnsOf(out, body, columns);
  out.byte(0x7d);
  return answerWith(finishBody(out));
}

function writeColumnsOf(out: JsonWriter, json: Buffer, { names, cells }: Columns): void {
  for (const [column, name] of names.entries()) {
    out.byte(column === 0 ? 0x7b : 0x2c);
    writeText(out, name);
    out.ascii(':[');
    for (const [row, at] of cells[column]!.entries()) {
      if (row > 0) out.byte(0x2c);
      out.raw(json.subarray(at, skipValue(json, at)));
    }
    out.byte(0x5d);
  }
  out.byte(0x7d);
}
