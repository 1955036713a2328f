import { Buffer } from 'node:buffer';

import { test } from 'tap';

import { compilePlaces, RequestBody } from '../../src/protocol/request-body.ts';
import { countDataRows, eachDataName } from '../../src/protocol/row-columns.ts';

const bodyOf = (value: unknown) =>
  new RequestBody(Buffer.from(JSON.stringify(value)), Buffer.alloc(0), false, compilePlaces([]), 'rows');

function namesOf(value: unknown): string[] {
  const body = bodyOf(value);
  const names: string[] = [];
  eachDataName(body, (start, end) => names.push(JSON.parse(body.json.toString('utf8', start, end)) as string));
  return names;
}

test('rows are counted in every form that data have', async (t) => {
  const cases: [unknown, number, string[]][] = [
    [{ instances: [[1], [2], [3]] }, 3, []],
    [{ instances: [{ a: 1, b: 2 }] }, 1, ['a', 'b']],
    [{ inputs: [1, 2] }, 2, []],
    [{ inputs: { a: [1, 2], b: [3, 4] } }, 2, ['a', 'b']],
    [{ inputs: { a: 1 } }, 1, ['a']],
    [{ dataframe_records: [{ a: 1 }, { a: 2 }] }, 2, ['a']],
    [
      {
        dataframe_split: {
          columns: ['a', 'b'],
          data: [
            [1, 2],
            [3, 4],
            [5, 6],
          ],
        },
      },
      3,
      ['a', 'b'],
    ],
    [{ dataframe_split: { columns: [1], data: [] } }, 0, []],
    [{ instances: [] }, 0, []],
    [{ instances: 7 }, 1, []],
    [{ other: [1, 2] }, 1, []],
    [[1, 2], 1, []],
  ];
  for (const [value, rows, names] of cases) {
    t.equal(countDataRows(bodyOf(value)), rows, JSON.stringify(value));
    t.strictSame(namesOf(value), names, JSON.stringify(value));
  }
});
