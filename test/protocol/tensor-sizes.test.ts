import { Buffer } from 'node:buffer';

import { test } from 'tap';

import type { Into } from '../../src/protocol/feature-into.ts';
import { column, enrich } from './enrich-request.ts';

interface Tensor {
  readonly name: string;
  readonly datatype?: string;
  readonly shape?: unknown;
  readonly data?: unknown;
  readonly size?: number;
}

const places: readonly Into[] = [
  { kind: 'tensor', name: 'f', datatype: 'FP32' },
  { kind: 'parameters', prefix: '' },
];

/** `ok`, or why features are not put into a body with these tensors and so many bytes behind them. */
function placing(into: Into, tensors: readonly Tensor[], tailBytes: number): string {
  const inputs = tensors.map(({ size, ...tensor }) => {
    return size === undefined ? tensor : { ...tensor, parameters: { binary_data_size: size } };
  });
  const json = JSON.stringify({ inputs });
  const body = Buffer.concat([Buffer.from(json), Buffer.alloc(tailBytes)]);
  const result = enrich('', { into, columns: [column('f', [1])], body, inferenceHeaderLength: json.length });
  return result.ok ? 'ok' : `${result.reason} ${result.message}`;
}

test('sizes that add up pass, of every datatype', async (t) => {
  const sizes = { BOOL: 1, UINT8: 1, INT16: 2, FP16: 2, BF16: 2, FP32: 4, UINT32: 4, INT64: 8, FP64: 8 };
  for (const into of places) {
    for (const [datatype, size] of Object.entries(sizes)) {
      const tensors = [
        { name: 'x', datatype, shape: [2, 3], size: 6 * size },
        { name: 'j', datatype, shape: [1], data: [1] },
        { name: 's', datatype, shape: [], size },
        { name: 'e', datatype, shape: [0, 4], size: 0 },
      ];
      t.equal(placing(into, tensors, 7 * size), 'ok', datatype);
    }
    t.equal(placing(into, [{ name: 'x', datatype: 'BYTES', shape: [2], size: 11 }], 11), 'ok');
  }
});

test('sizes that do not add up are refused, and the tensor is named', async (t) => {
  const cases: [string, Tensor[], number, RegExp][] = [
    [
      'a size of another shape',
      [{ name: 'x', datatype: 'FP32', shape: [2], size: 9 }],
      9,
      /^BINARY_LENGTH .*"x" is 9, .* make 8 bytes/,
    ],
    ['a huge shape', [{ name: 'x', datatype: 'INT8', shape: [2 ** 50, 2 ** 50], size: 1 }], 1, /^BINARY_LENGTH .*"x"/],
    [
      'BYTES without room for the lengths',
      [{ name: 'x', datatype: 'BYTES', shape: [3], size: 11 }],
      11,
      /at least 12 bytes/,
    ],
    ['BYTES of no elements', [{ name: 'x', datatype: 'BYTES', shape: [0], size: 4 }], 4, /^BINARY_LENGTH/],
    ['an unknown datatype', [{ name: 'x', datatype: 'FP8', shape: [1], size: 1 }], 1, /^DATATYPE .*"x"/],
    ['no datatype', [{ name: 'x', shape: [1], size: 1 }], 1, /^DATATYPE .*"x"/],
    ['no shape', [{ name: 'x', datatype: 'INT8', size: 1 }], 1, /^SHAPE .*"x"/],
    ['a negative dimension', [{ name: 'x', datatype: 'INT8', shape: [-1], size: 1 }], 1, /^SHAPE .*"x"/],
    ['a fraction', [{ name: 'x', datatype: 'INT8', shape: [1.5], size: 1 }], 1, /^SHAPE .*"x"/],
    ['data as well', [{ name: 'x', datatype: 'INT8', shape: [1], size: 1, data: [1] }], 1, /^MIXED_CONTENTS .*"x"/],
    ['bytes too many', [{ name: 'x', datatype: 'INT8', shape: [1], size: 1 }], 3, /^BINARY_LENGTH .*more bytes/],
    ['bytes too few', [{ name: 'x', datatype: 'INT8', shape: [4], size: 4 }], 3, /^BINARY_LENGTH .*"x"/],
    ['bytes of no tensor', [], 2, /^BINARY_LENGTH .*more bytes/],
  ];
  for (const into of places) {
    for (const [title, tensors, tailBytes, expected] of cases) {
      t.match(placing(into, tensors, tailBytes), expected, `${title}, ${into.kind}`);
    }
  }
});
