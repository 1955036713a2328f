import * as fc from 'fast-check';

/** Kinds of elements, each with texts of JSON scalars that are hard to keep. */
export const elementTexts = {
  INT64: fc.constantFrom('0', '-0', '7', '-1', '9007199254740993', '9223372036854775807', '-9223372036854775808'),
  FP32: fc.constantFrom('0.5', '-0.0', '1e5', '1E-7', '0.10', '16777217.0', '3', '12345678901234567890123'),
  BOOL: fc.constantFrom('true', 'false'),
  BYTES: fc.constantFrom('"a"', '""', '"\\u00e9\\n"', '"é😀"', '"],[{1"', '"\\ud83d\\ude00"'),
} as const;
export type ElementType = keyof typeof elementTexts;

export const elementType = fc.constantFrom<ElementType>('INT64', 'FP32', 'BOOL', 'BYTES');

const space = fc.constantFrom('', '', ' ', '\n\t');

/** The text of nested arrays of a shape; no dimension gives one scalar. */
export function nestedText(shape: readonly number[], type: ElementType): fc.Arbitrary<string> {
  const [size, ...rest] = shape;
  if (size === undefined) return elementTexts[type];
  return fc
    .tuple(fc.array(nestedText(rest, type), { minLength: size, maxLength: size }), space)
    .map(([items, blank]) => `[${blank}${items.join(`${blank},`)}${blank}]`);
}

/** Sizes of up to three dimensions, few of them empty. */
export const shape = fc.array(fc.constantFrom(1, 2, 3, 2, 1, 0), { maxLength: 3 });

/** A named part of a document: how its element of each row is nested. */
export const column = fc.tuple(fc.constantFrom('a', 'b', 'é"', 'long name', 'x.y'), shape, elementType);

/** The sizes of nested arrays; an empty array ends them. */
export function shapeOf(value: unknown): number[] {
  return Array.isArray(value) ? [value.length, ...(value.length === 0 ? [] : shapeOf(value[0]))] : [];
}

/** The elements of nested arrays. */
export function flat(value: unknown): unknown[] {
  return Array.isArray(value) ? value.flatMap(flat) : [value];
}

/** Nested arrays of a shape. */
export function nest(elements: readonly unknown[], shape: readonly number[]): unknown {
  const [size, ...rest] = shape;
  if (size === undefined) return elements[0];
  const width = rest.reduce((product, one) => product * one, 1);
  return Array.from({ length: size }, (_, i) => nest(elements.slice(i * width, (i + 1) * width), rest));
}
