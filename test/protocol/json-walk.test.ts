import { Buffer } from 'node:buffer';
import { isDeepStrictEqual } from 'node:util';

import * as fc from 'fast-check';
import { test } from 'tap';

import { findRoot } from '../../src/protocol/json-scan.ts';
import { eachElement, eachMember, eachScalar } from '../../src/protocol/json-walk.ts';
import { jsonDocument } from './json-document.ts';

test('members and elements put together again are what JSON.parse has', async () => {
  fc.assert(
    fc.property(jsonDocument, (text) => {
      const body = Buffer.from(text);
      const root = findRoot(body);
      if (root === null) return false;
      const items: string[] = [];
      const indexes: number[] = [];
      const slice = (start: number, end: number) => body.toString('utf8', start, end);
      eachMember(body, root, (keyStart, keyEnd, start, end) => {
        items.push(`${slice(keyStart, keyEnd)}:${slice(start, end)}`);
      });
      eachElement(body, root, ({ start, end }, index) => {
        items.push(slice(start, end));
        indexes.push(index);
      });
      if (root.kind !== 'object' && root.kind !== 'array') return items.length === 0;
      const again = root.kind === 'object' ? `{${items.join(',')}}` : `[${items.join(',')}]`;
      return isDeepStrictEqual(JSON.parse(again), JSON.parse(text)) && indexes.every((index, i) => index === i);
    }),
    { seed: 41, numRuns: 5000 },
  );
});

test('scalars come flattened in order until an object is met', async () => {
  fc.assert(
    fc.property(jsonDocument, (text) => {
      const body = Buffer.from(text);
      const root = findRoot(body);
      if (root === null) return false;
      const values: unknown[] = [];
      const isFlat = eachScalar(body, root, ({ start, end }) => {
        values.push(JSON.parse(body.toString('utf8', start, end)));
      });
      const parsed: unknown = JSON.parse(text);
      const flat: unknown[] = Array.isArray(parsed) ? parsed.flat(Infinity) : [parsed];
      const firstObject = flat.findIndex((value) => typeof value === 'object' && value !== null);
      return (
        isFlat === (firstObject === -1) &&
        isDeepStrictEqual(values, firstObject === -1 ? flat : flat.slice(0, firstObject))
      );
    }),
    { seed: 42, numRuns: 5000 },
  );
});

test('a walk stops when its visitor says so', async (t) => {
  const stopped = (text: string, walk: typeof eachScalar | typeof eachElement | typeof eachMember) => {
    const body = Buffer.from(text);
    const root = findRoot(body);
    let calls = 0;
    if (root !== null) walk(body, root, () => ++calls < 2);
    return calls;
  };
  t.equal(stopped('[1,2,3]', eachScalar), 2);
  t.equal(stopped('[1,2,3]', eachElement), 2);
  t.equal(stopped('{"a":1,"b":2,"c":3}', eachMember), 2);
});
