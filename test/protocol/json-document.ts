import * as fc from 'fast-check';

/** Keys that the documents use; few, so that they repeat, and with everything that is hard to compare. */
export const documentKeys = ['a', 'b', '0', '1', 'a.b', 'c/d', 'é', '😀', 'q"', 'back\\slash', '', '__proto__', 'id'];

const space = fc.constantFrom('', '', '', ' ', '\n', '\t\r\n ');

const stringToken = fc
  .array(
    fc.constantFrom(
      'a',
      'é',
      '€',
      '😀',
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      ' ',
      '0',
      '\u007f',
      '\u2028',
      '\\n',
      '\\"',
      '\\\\',
      '\\/',
      '\\b',
      '\\u0061',
      '\\u00E9',
      '\\ud83d\\ude00',
      '\\ud800',
      '\\u0000',
    ),
    { maxLength: 6 },
  )
  .map((parts) => `"${parts.join('')}"`);

const numberToken = fc.oneof(
  fc.constantFrom(
    '0',
    '-0',
    '-1',
    '1.5',
    '-1e3',
    '1E+2',
    '0.1e-7',
    '1e400',
    '9007199254740993',
    '-1152921504606846976',
  ),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
);

/** A key, each character as itself or escaped. */
export const keyToken = fc
  .tuple(fc.constantFrom(...documentKeys), fc.nat({ max: 255 }))
  .map(([key, style]) => `"${Array.from(key, (c, i) => escapeCharacter(c, (style >> (i % 8)) & 1)).join('')}"`);

function escapeCharacter(c: string, isEscaped: number): string {
  if (isEscaped === 0) return JSON.stringify(c).slice(1, -1);
  return Array.from({ length: c.length }, (_, i) => `\\u${c.charCodeAt(i).toString(16).padStart(4, '0')}`).join('');
}

const { document, array, object } = fc.letrec<{ document: string; array: string; object: string }>((tie) => ({
  document: fc
    .tuple(
      space,
      fc.oneof(
        { maxDepth: 5, depthSize: 'xlarge' },
        stringToken,
        numberToken,
        fc.constantFrom('true', 'false', 'null'),
        tie('object'),
        tie('object'),
        tie('array'),
      ),
      space,
    )
    .map((parts) => parts.join('')),
  array: fc
    .tuple(space, fc.array(tie('document'), { maxLength: 4 }))
    .map(([s, items]) => `[${items.length === 0 ? s : items.join(',')}]`),
  object: fc
    .tuple(space, fc.array(fc.tuple(space, keyToken, space, tie('document')), { maxLength: 5 }))
    .map(
      ([s, members]) => `{${members.length === 0 ? s : members.map(([b, k, a, v]) => `${b}${k}${a}:${v}`).join(',')}}`,
    ),
}));

/** The text of a JSON document in every spelling: escapes, Unicode, white space, nesting, duplicate keys. */
export const jsonDocument = fc.oneof(
  { weight: 1, arbitrary: document },
  { weight: 2, arbitrary: array },
  { weight: 5, arbitrary: object },
);

/** The text of a JSON object. */
export const jsonObject = object;

/** Steps that exist in many of the documents. */
export const documentPath = fc.array(fc.constantFrom(...documentKeys, '2'), { maxLength: 3 });

/** What `JSON.parse` has at the steps; undefined when there is nothing. */
export function valueAt(root: unknown, steps: readonly string[]): unknown {
  let value = root;
  for (const step of steps) {
    if (Array.isArray(value)) value = /^(0|[1-9][0-9]*)$/.test(step) ? value[Number(step)] : undefined;
    else if (typeof value === 'object' && value !== null && Object.hasOwn(value, step))
      value = Reflect.get(value, step);
    else return undefined;
  }
  return value;
}

/** Steps to something that exists: each choice picks a key or index of the value reached so far. */
export function existingPath(root: unknown, choices: readonly number[]): string[] {
  const steps: string[] = [];
  for (const choice of choices) {
    const value = valueAt(root, steps);
    const keys = typeof value === 'object' && value !== null ? Object.keys(value) : [];
    const key = keys[choice % keys.length];
    if (key === undefined) break;
    steps.push(key);
  }
  return steps;
}
