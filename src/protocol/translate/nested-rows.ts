import { type CodecFailure, fail } from '../codec-result.ts';
import type { JsonWriter } from '../json-writer.ts';
import { countElements } from './datatypes.ts';
import type { Elements } from './elements.ts';
import { shown } from './wording.ts';

/** A tensor without elements may still have rows; more of them are refused, as nothing but its shape asks for them. */
const maxEmpty = 1024;
/** Bytes that names may take in rows that are objects, since each row repeats them. */
const maxNames = 64 * 1024 * 1024;

/** A tensor that is written as rows. */
export interface RowSource {
  readonly name: string;
  readonly label: string;
  readonly shape: readonly number[];
  readonly elements: Elements;
}

/**
 * Writes tensors as the rows of their first dimension: of one tensor its rows, nested by its shape; of several, objects
 * with the row of each under its name, and of one as well when it `isTable`. Fails when a tensor has no dimension, or they differ in the first one, or two have
 * one name, or elements and shape disagree.
 */
export function writeRows(out: JsonWriter, sources: readonly RowSource[], isTable = false): CodecFailure | null {
  const [first] = sources;
  if (first === undefined) return fail('BAD_BODY', 'MISSING', 'There is no tensor to make rows of.');
  const problem = checkRows(sources, first);
  if (problem !== null) return problem;
  return sources.length === 1 && !isTable ? writeOne(out, first) : writeSeveral(out, sources, first.shape[0] ?? 0);
}

function checkRows(sources: readonly RowSource[], first: RowSource): CodecFailure | null {
  const names = new Set<string>();
  for (const { name, label, shape } of sources) {
    if (shape.length === 0) return fail('BAD_BODY', 'SHAPE', `The ${label} has no dimension and so no rows.`);
    if (shape[0] !== first.shape[0]) {
      const text = `The ${label} has ${shape[0]} rows and the ${first.label} ${first.shape[0]}; the first dimensions must agree.`;
      return fail('BAD_BODY', 'ROW_COUNT', text);
    }
    if (names.has(name)) return fail('BAD_BODY', 'DUPLICATE_TENSOR', `Two tensors are named ${shown(name)}.`);
    names.add(name);
    if (countElements(shape) === 0 && countElements(shape.slice(0, shape.indexOf(0))) > maxEmpty) {
      return fail(
        'BAD_BODY',
        'SHAPE',
        `The ${label} has the shape [${shape.join(',')}], more than ${maxEmpty} empty rows.`,
      );
    }
  }
  return null;
}

function writeOne(out: JsonWriter, { elements, shape }: RowSource): CodecFailure | null {
  return writeNested(out, elements, shape, 0) ?? elements.finish();
}

function writeSeveral(out: JsonWriter, sources: readonly RowSource[], rows: number): CodecFailure | null {
  const keys = sources.map(({ name }) => `${JSON.stringify(name)}:`);
  const tooLong = checkKeys(keys, rows);
  if (tooLong !== null) return tooLong;
  out.byte(0x5b);
  for (let row = 0; row < rows; row++) {
    if (row > 0) out.byte(0x2c);
    for (const [i, { elements, shape }] of sources.entries()) {
      out.byte(i === 0 ? 0x7b : 0x2c);
      out.text(keys[i]!);
      const problem = writeNested(out, elements, shape, 1);
      if (problem !== null) return problem;
    }
    out.byte(0x7d);
  }
  out.byte(0x5d);
  for (const { elements } of sources) {
    const problem = elements.finish();
    if (problem !== null) return problem;
  }
  return null;
}

/** Null when so many rows may repeat the keys, else the failure. */
export function checkKeys(keys: readonly string[], rows: number): CodecFailure | null {
  const length = keys.reduce((sum, key) => sum + key.length, 0);
  if (length * rows <= maxNames) return null;
  return fail('BAD_BODY', 'TOO_MANY_ROWS', `${rows} rows would repeat the long names of the tensors too often.`);
}

/** One value of the dimensions from `depth` on; at most 32 of them. */
function writeNested(
  out: JsonWriter,
  elements: Elements,
  shape: readonly number[],
  depth: number,
): CodecFailure | null {
  const size = shape[depth];
  if (size === undefined) return elements.write(out, 1);
  out.byte(0x5b);
  if (depth === shape.length - 1) {
    const problem = elements.write(out, size);
    if (problem !== null) return problem;
  } else {
    for (let i = 0; i < size; i++) {
      if (i > 0) out.byte(0x2c);
      const problem = writeNested(out, elements, shape, depth + 1);
      if (problem !== null) return problem;
    }
  }
  out.byte(0x5d);
  return null;
}
