import { Buffer } from 'node:buffer';

import { test } from 'tap';

import type { Into } from '../../src/protocol/feature-into.ts';
import type { BodyForm } from '../../src/protocol/feature-places.ts';
import { layOutFeatures } from '../../src/protocol/feature-layout.ts';
import { pathOf } from '../../src/protocol/json-path.ts';
import { compilePlaces, RequestBody } from '../../src/protocol/request-body.ts';
import { suppliedFeatures } from '../../src/protocol/supplied-features.ts';

/** `supplied[feature][row]` of the features a and b. */
function supplied(text: string, into: Into, rows = 1, form: BodyForm = 'tensors'): boolean[][] {
  const body = new RequestBody(Buffer.from(text), Buffer.alloc(0), false, compilePlaces([]), form);
  const features = ['a', 'b'].map((name) => ({ name, datatype: 'FP64' as const }));
  const marks = suppliedFeatures(body, layOutFeatures(into, features), rows);
  return [0, 1].map((feature) => Array.from({ length: rows }, (_, row) => marks?.[row * 2 + feature] === 1));
}

test('a tensor of that name supplies every row', async (t) => {
  const text = '{"inputs":[{"name":"\\u0062","data":[1,2]},{"name":"input"}]}';
  t.same(supplied(text, { kind: 'tensors' }, 2), [
    [false, false],
    [true, true],
  ]);
  t.same(supplied(text, { kind: 'tensor', name: 'input', datatype: 'FP32' }), [[true], [true]]);
  t.same(supplied(text, { kind: 'tensor', name: 'other', datatype: 'FP32' }), [[false], [false]]);
});

test('object rows supply their keys, array rows nothing', async (t) => {
  const into: Into = { kind: 'columns', position: 'append' };
  t.same(supplied('{"instances":[{"a":1},[5],{"b":null,"a":2},{"a":1}]}', into, 3, 'rows'), [
    [true, false, true],
    [false, false, true],
  ]);
});

test('parameters supply by prefix and name', async (t) => {
  const into: Into = { kind: 'parameters', prefix: 'f_' };
  t.same(supplied('{"parameters":{"f_b":1,"a":1}}', into), [[false], [true]]);
  t.same(supplied('{"parameters":[{"f_b":1}]}', into), [[false], [false]]);
});

test('the object at a pointer supplies its keys, or each object of an array those of its row', async (t) => {
  const into: Into = { kind: 'pointer', path: pathOf(['x']) };
  t.same(supplied('{"x":{"a":1}}', into), [[true], [false]]);
  t.same(supplied('{"x":[{"a":1},{"b":1},{"a":1}]}', into, 2), [
    [true, false],
    [false, true],
  ]);
});

test('a body that cannot be read supplies nothing', async (t) => {
  const places: Into[] = [
    { kind: 'tensors' },
    { kind: 'columns', position: 'append' },
    { kind: 'parameters', prefix: '' },
    { kind: 'pointer', path: pathOf(['x']) },
  ];
  for (const into of places) {
    for (const text of [
      '',
      '[]',
      '{"inputs":[1],"instances":1,"x":2',
      '{"inputs":[1],"instances":[1],"x":2,"parameters":3}',
    ]) {
      t.same(supplied(text, into), [[false], [false]], `${into.kind} ${text}`);
    }
  }
});
