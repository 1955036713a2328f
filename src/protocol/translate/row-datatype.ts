import type { Buffer } from 'node:buffer';

import { type CodecFailure, fail } from '../codec-result.ts';
import { checkElements } from './raw-from-json.ts';
import type { RowTensor } from './row-tensor.ts';
import type { TranslatorSettings } from './translation.ts';

/** A tensor of rows and its elements, flat and with commas between. */
export interface Rows {
  readonly tensor: RowTensor;
  readonly data: Buffer;
  /** As messages name it, such as `input "x"`. */
  readonly label: string;
}

type Settings = Pick<TranslatorSettings, 'float' | 'datatypes'>;

/** The datatype of rows in a request: the one that the operator names for them, else by what they are. */
export function requestDatatype(rows: Rows, name: string, settings: Settings): string | CodecFailure {
  return namedDatatype(rows, name, settings) ?? rows.tensor.datatype(settings.float);
}

/**
 * The datatype of rows in an answer: the one that the operator names for them, else `float` for all numbers, so that it
 * does not change with what the model happens to answer. Integers that it would round are refused.
 */
export function answerDatatype(rows: Rows, name: string, settings: Settings): string | CodecFailure {
  const named = namedDatatype(rows, name, settings);
  if (named !== null) return named;
  const datatype = rows.tensor.floatDatatype(settings.float);
  if (typeof datatype !== 'string' || !rows.tensor.isWhole) return datatype;
  const rounded = roundedInteger(rows.data, settings.float);
  if (rounded === null) return datatype;
  const text = `The integer ${rounded} of the ${rows.label} is not exact as ${datatype}; name its datatype in "translation.datatypes" of the backend.`;
  return fail('BAD_BODY', 'NOT_REPRESENTABLE', text);
}

function namedDatatype(
  { tensor, data, label }: Rows,
  name: string,
  { datatypes }: Settings,
): string | CodecFailure | null {
  const datatype = datatypes.get(name);
  if (datatype === undefined) return null;
  const span = { start: 0, end: data.length, kind: 'array' } as const;
  return checkElements(data, span, datatype, tensor.shape, label) ?? datatype;
}

/** The first of integers that a float rounds; null for none. All are finite as such. */
function roundedInteger(data: Buffer, float: 'FP32' | 'FP64'): string | null {
  // Integers of so many octets are exact.
  const safe = float === 'FP32' ? 7 : 15;
  for (let start = 0; start < data.length;) {
    const comma = data.indexOf(0x2c, start);
    const end = comma === -1 ? data.length : comma;
    if (end - start > safe) {
      const text = data.toString('latin1', start, end).trim();
      const held = float === 'FP32' ? Math.fround(Number(text)) : Number(text);
      if (BigInt(held) !== BigInt(text)) return text;
    }
    start = end + 1;
  }
  return null;
}
