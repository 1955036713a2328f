import { Buffer } from 'node:buffer';
import { isDeepStrictEqual } from 'node:util';

import * as fc from 'fast-check';
import { test } from 'tap';

import type { Into } from '../../src/protocol/feature-into.ts';
import { column, enrich, enrichText } from './enrich-request.ts';
import { jsonDocument } from './json-document.ts';

const into: Into = { kind: 'tensor', name: 'input', datatype: 'FP32' };
const columns = [column('a', [1, 3]), column('b', [2, 4.5])];
const tensor = '{"name":"input","shape":[2,2],"datatype":"FP32","data":[1,2,3,4.5]}';

test('a tensor is appended to the inputs, row-major', async (t) => {
  t.equal(enrichText('{"inputs": [ ] }', { into, columns }), `{"inputs": [${tensor} ] }`);
  const other = '{"name":"x","shape":[1],"datatype":"INT64","data":[1152921504606846977]}';
  t.equal(
    enrichText(`{"id":"é","inputs":[\n${other}\n],"parameters":{"n":NaN}}`, { into, columns }),
    `{"id":"é","inputs":[\n${other},${tensor}\n],"parameters":{"n":NaN}}`,
  );
});

test('inputs are created where the request has none', async (t) => {
  t.equal(enrichText('{"parameters":{"id":1}}', { into, columns }), `{"parameters":{"id":1},"inputs":[${tensor}]}`);
  t.equal(enrichText('{"inputs":null}', { into, columns }), `{"inputs":[${tensor}]}`);
});

test('an input of the same name stays or is replaced, by the policy', async (t) => {
  const text = '{"inputs":[{"x":1,"name":"inp\\u0075t","data":[9]},{"name":"other"}]}';
  const kept = enrich(text, { into, columns, existing: 'request' });
  t.equal(kept.ok && kept.body.toString(), text);
  t.equal(enrichText(text, { into, columns, existing: 'store' }), `{"inputs":[${tensor},{"name":"other"}]}`);
});

test('each feature can be a tensor of its own', async (t) => {
  const tensors: Into = { kind: 'tensors' };
  const mixed = [column('a', [2n ** 60n], 'INT64'), column('b', ['x"'], 'BYTES'), column('c', [true], 'BOOL')];
  const result = enrich('{"inputs":[{"name":"c","data":[false]}]}', { into: tensors, columns: mixed });
  t.equal(
    result.ok && result.body.toString(),
    '{"inputs":[{"name":"c","data":[false]},{"name":"a","shape":[1,1],"datatype":"INT64","data":[1152921504606846976]},' +
      '{"name":"b","shape":[1,1],"datatype":"BYTES","data":["x\\""]}]}',
  );
});

test('appending equals the operation on parsed objects', async () => {
  const value = fc.double({ noNaN: true, noDefaultInfinity: true });
  const rows = fc.array(fc.tuple(value, value), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(
      jsonDocument,
      fc.array(jsonDocument, { maxLength: 2 }),
      fc.string(),
      rows,
      (other, data, name, values) => {
        const inputs = data.map((d, i) => `{"name":"in${i}","data": ${d}}`);
        const prefix = `{"z":${other},"inputs":[${inputs.join(' ,')}`;
        const suffix = `], "y" : ${other}}`;
        const text = prefix + suffix;
        const result = enrich(text, {
          into: { kind: 'tensor', name: `t${name}`, datatype: 'FP64' },
          columns: [
            column(
              'a',
              values.map((v) => v[0]),
            ),
            column(
              'b',
              values.map((v) => v[1]),
            ),
          ],
        });
        if (!result.ok) return false;
        const expected = JSON.parse(text);
        expected.inputs.push({ name: `t${name}`, shape: [values.length, 2], datatype: 'FP64', data: values.flat() });
        const edited = result.body.toString();
        return isDeepStrictEqual(JSON.parse(edited), expected) && edited.startsWith(prefix) && edited.endsWith(suffix);
      },
    ),
    { seed: 30, numRuns: 3000 },
  );
});

test('a binary request gets a JSON tensor, a new JSON length and keeps its tail', async (t) => {
  const json = '{"inputs":[{"name":"x","datatype":"INT8","shape":[3],"parameters":{"binary_data_size":3}}]}';
  const tail = Buffer.from([1, 0, 255]);
  const body = Buffer.concat([Buffer.from(json), tail]);
  const result = enrich('', { into, columns, body, inferenceHeaderLength: json.length });
  const length = json.length + tensor.length + 1;
  t.match(result, { ok: true, inferenceHeaderLength: length });
  const edited = result.ok ? result.body : Buffer.alloc(0);
  t.same(edited.subarray(length), tail);
  t.match(JSON.parse(edited.toString('utf8', 0, length)), { inputs: [{ name: 'x' }, { name: 'input' }] });
});

test('the bytes of a replaced binary tensor are cut from the tail', async (t) => {
  const part = (name: string, size: number) =>
    `{"name":"${name}","datatype":"UINT8","shape":[${size}],"parameters":{"binary_data_size":${size}}}`;
  const json = `{"inputs":[${part('x', 2)},${part('input', 3)},{"name":"j","data":[1]},${part('b', 1)}]}`;
  const body = Buffer.concat([Buffer.from(json), Buffer.from('xxiiib')]);
  const one = enrich('', { into, columns, body, inferenceHeaderLength: json.length, existing: 'store' });
  t.match(one, { ok: true });
  t.equal(one.ok && one.body.subarray(one.inferenceHeaderLength ?? 0).toString(), 'xxb');
  const two = enrich('', {
    into: { kind: 'tensors' },
    columns: [column('b', [1]), column('x', [2])],
    body,
    inferenceHeaderLength: json.length,
    existing: 'store',
  });
  t.equal(two.ok && two.body.subarray(two.inferenceHeaderLength ?? 0).toString(), 'iii');
});

test('requests that cannot take a tensor are refused with a reason', async (t) => {
  const cases: Record<string, string> = {
    '[]': 'NOT_AN_OBJECT',
    '{"inputs":[': 'NOT_AN_OBJECT',
    '{"inputs":{}}': 'WRONG_TYPE',
    '{"inputs":[1]}': 'WRONG_TYPE',
    '{"inputs":[{"name":1}]}': 'WRONG_TYPE',
    '{"inputs":[{"name":"input"},{"name":"input"}]}': 'DUPLICATE_TENSOR',
    '{"inputs":[{"name":"x","parameters":{"binary_data_size":1}}]}': 'BINARY_LENGTH',
    '{"inputs":[{"name":"x","parameters":{"binary_data_size":-1}}]}': 'BINARY_LENGTH',
    '{"inputs":[{"name":"x","parameters":{"binary_data_size":"1"}}]}': 'BINARY_LENGTH',
    '{"inputs":[{"name":"x","parameters":{"binary_data_size":99999999999999999999}}]}': 'BINARY_LENGTH',
  };
  for (const [text, reason] of Object.entries(cases)) t.equal(enrichText(text, { into, columns }), reason, text);
  const part = '{"name":"x","datatype":"INT8","shape":[2],"parameters":{"binary_data_size":2}}';
  const json = `{"inputs":[${part},${part}]}`;
  t.equal(enrichText(`${json}abc`, { into, columns, inferenceHeaderLength: json.length }), 'BINARY_LENGTH');
  t.equal(enrichText('abc', { into, columns, inferenceHeaderLength: 0 }), 'RAW_REQUEST');
  t.equal(enrichText('abc', { into, columns, inferenceHeaderLength: 4 }), 'BINARY_LENGTH');
});

test('a value that a tensor cannot hold names its feature', async (t) => {
  const refused = enrich('{"inputs":[]}', { into, columns: [column('ok', [1]), column('age', [null])] });
  t.match(refused, { ok: false, code: 'FEATURE_MISSING', reason: 'NULL_VALUE', message: /\bage\b/ });
  t.equal(enrichText('{"inputs":[]}', { into, columns: [column('age', [NaN])] }), 'NOT_FINITE');
  t.equal(enrichText('{"inputs":[]}', { into, columns, rows: 3 }), 'ROW_COUNT');
});

test('without features the same buffer comes back', async (t) => {
  const body = Buffer.from('{"inputs":[]}');
  const result = enrich('', { into, columns: [], body });
  t.equal(result.ok && result.body, body);
});
