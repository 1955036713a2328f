import { Buffer } from 'node:buffer';

import * as fc from 'fast-check';
import { test } from 'tap';

import { readEventTime } from '../../../src/edges/features/event-time.ts';
import { readBytes, readTimeBytes } from '../../../src/edges/features/stored-value.ts';
import { readText } from '../../../src/edges/features/typed-value.ts';

const number = fc.oneof(
  fc.double().map(String),
  fc.integer().map(String),
  fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }).map(String),
  fc.tuple(fc.integer(), fc.nat({ max: 22 })).map(([value, digits]) => (value / 997).toFixed(digits)),
  fc.stringMatching(/^[-+]?[0-9]{0,18}\.?[0-9]{0,18}$/),
  fc.constantFrom('', '-', '.', '-.', '0', '-0', '00', '0.0', '-0.0', '5.0', '5.', '.5', '1e3', '--1', '1.2.3', 'NaN'),
);
const text = fc.oneof({ weight: 4, arbitrary: number }, fc.string({ unit: 'grapheme' }), fc.constantFrom('true', '1'));

test('bytes are read as their text is', async (t) => {
  fc.assert(
    fc.property(text, fc.constantFrom('float', 'double', 'int', 'bool', 'string'), (stored, type) => {
      const bytes = Buffer.from(`<${stored}>`);
      return Object.is(readBytes(bytes, 1, bytes.length - 1, type), readText(stored, type));
    }),
    { seed: 51, numRuns: 20000 },
  );
  t.pass();
});

test('times are read as their text is', async (t) => {
  const time = fc.oneof(
    number,
    fc.constantFrom('1700000000', '1700000000.25', '1700000000000', '2024-01-02T03:04:05Z'),
  );
  fc.assert(
    fc.property(time, (stored) => {
      const bytes = Buffer.from(`<${stored}>`);
      return Object.is(readTimeBytes(bytes, 1, bytes.length - 1), readEventTime(stored));
    }),
    { seed: 52, numRuns: 10000 },
  );
  t.pass();
});
