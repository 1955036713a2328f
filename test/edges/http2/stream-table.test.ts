import fc from 'fast-check';
import { test } from 'tap';

import { StreamTable } from '../../../src/edges/http2/stream-table.ts';

class Stream {
  readonly id: number;
  nextInTable: Stream | null = null;

  constructor(id: number) {
    this.id = id;
  }
}

test('the table knows what a Map knows', async () => {
  const steps = fc.array(fc.record({ isAdded: fc.boolean(), id: fc.nat(400) }), { maxLength: 600 });
  fc.assert(
    fc.property(steps, (list) => {
      const table = new StreamTable<Stream>();
      const map = new Map<number, Stream>();
      for (const { isAdded, id } of list) {
        const number = 2 * id + 1;
        const there = map.get(number);
        if (isAdded && there === undefined) {
          const stream = new Stream(number);
          table.add(stream);
          map.set(number, stream);
        } else if (!isAdded) {
          table.delete(there ?? new Stream(number));
          map.delete(number);
        }
        if (table.get(number) !== map.get(number) || table.size !== map.size) return false;
      }
      const all = new Set(table.all());
      return all.size === map.size && [...map.values()].every((stream) => all.has(stream));
    }),
    { seed: 5, numRuns: 200 },
  );
});

test('what has gone is linked to nothing', async (t) => {
  const table = new StreamTable<Stream>();
  const streams = Array.from({ length: 200 }, (_, i) => new Stream(2 * i + 1));
  for (const stream of streams) table.add(stream);
  t.equal(table.size, 200);
  table.clear();
  t.equal(table.size, 0);
  t.strictSame(table.all(), []);
  t.ok(streams.every(({ nextInTable }) => nextInTable === null));
});
