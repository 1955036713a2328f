import { Buffer } from 'node:buffer';

import * as fc from 'fast-check';
import { test } from 'tap';

import { JsonWriter } from '../../src/protocol/json-writer.ts';

test('decimals are written as JavaScript writes them, without zeros at the end', async (t) => {
  const out = new JsonWriter();
  const decimal = (value: number, decimals: number) => {
    out.reset();
    out.decimal(value, decimals);
    return out.toString();
  };
  fc.assert(
    fc.property(fc.integer({ min: -(2 ** 31) + 1, max: 2 ** 31 - 1 }), fc.nat({ max: 12 }), (value, decimals) => {
      const plain = (value / 10 ** decimals).toFixed(decimals).replace(/(\.\d*?)0+$/, '$1');
      return decimal(value, decimals) === plain.replace(/\.$/, '').replace(/^-0$/, '0');
    }),
    { seed: 61, numRuns: 5000 },
  );
  t.equal(decimal(5, 3), '0.005');
  t.equal(decimal(-1200, 2), '-12');
});

test('what is written is kept in order, however much it is', async (t) => {
  const piece = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 3000 }), fc.constant('é'.repeat(5000)));
  const out = new JsonWriter();
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
      out.reset();
      for (const [i, text] of pieces.entries()) {
        if (i % 2 === 0) out.text(text);
        else out.raw(Buffer.from(text));
        out.ascii('|');
        out.byte(0x2c);
      }
      const whole = pieces.map((text) => `${text.toWellFormed()}|,`).join('');
      return out.toString() === whole && out.length === Buffer.byteLength(whole);
    }),
    { seed: 62, numRuns: 300 },
  );
  t.pass();
});
