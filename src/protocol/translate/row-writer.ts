import type { Buffer } from 'node:buffer';

import type { CodecFailure } from '../codec-result.ts';
import type { JsonWriter } from '../json-writer.ts';
import { writeTensor } from './json-body.ts';
import { failNotFinite } from './json-form.ts';
import { writeRawTensor } from './oip-writer.ts';
import { encodeElements } from './raw-from-json.ts';
import { requestDatatype } from './row-datatype.ts';
import type { RowTensor } from './row-tensor.ts';
import type { TranslatorSettings } from './translation.ts';
import { shown } from './wording.ts';

/** MLServer reads a column of text by this. */
const textParameters = '"content_type":"str"';

/**
 * Writes rows as an input of the Open Inference Protocol, those without a name under that of the settings; in the binary
 * form, to `tail`, when they are not all finite. `hasHints` marks text as MLServer does. Fails when elements do not fit
 * their datatype, and where the server reads no binary form.
 */
export function writeRowInput(
  out: JsonWriter,
  column: string,
  tensor: RowTensor,
  settings: TranslatorSettings,
  tail: Buffer[],
  hasHints: boolean,
): CodecFailure | null {
  const name = column === '' ? settings.tensor : column;
  const label = `input ${shown(name)}`;
  const data = tensor.takeData();
  const datatype = requestDatatype({ tensor, data, label }, name, settings);
  if (typeof datatype !== 'string') return datatype;
  const { shape } = tensor;
  if (tensor.isFinite) {
    writeTensor(out, name, shape, datatype, data, hasHints && datatype === 'BYTES' ? textParameters : '');
    return null;
  }
  if (!settings.binary) return failNotFinite(label);
  const raw = encodeElements(data, { start: 0, end: data.length, kind: 'array' }, datatype, shape, label);
  return 'ok' in raw ? raw : writeRawTensor(out, { name, label, datatype, shape, raw }, '', tail);
}
