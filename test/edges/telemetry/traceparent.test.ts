import { test } from 'tap';

import { NO_PARENT, spanIdOf, traceFlagsOf, traceIdOf } from '../../../src/edges/telemetry/traceparent.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const spanId = 'b7ad6b7169203331';

test('a valid traceparent gives its ids and flags', (t) => {
  const text = `00-${traceId}-${spanId}-01`;
  t.equal(traceFlagsOf(text), 1);
  t.equal(traceIdOf(text), traceId);
  t.equal(spanIdOf(text), spanId);
  t.equal(traceFlagsOf(`00-${traceId}-${spanId}-00`), 0);
  t.equal(traceFlagsOf(`00-${traceId}-${spanId}-ff`), 255);
  t.equal(traceFlagsOf(`00-${'f'.repeat(32)}-${'f'.repeat(16)}-01`), 1, 'ids beyond 2^53 are ids');
  t.equal(traceFlagsOf(`00-${'0'.repeat(31)}1-${'0'.repeat(15)}1-01`), 1);
  t.end();
});

test('a later version may go on after a dash, version 00 may not', (t) => {
  t.equal(traceFlagsOf(`01-${traceId}-${spanId}-01-more`), 1);
  t.equal(traceFlagsOf(`01-${traceId}-${spanId}-01`), 1);
  t.equal(traceFlagsOf(`01-${traceId}-${spanId}-01more`), NO_PARENT);
  t.equal(traceFlagsOf(`00-${traceId}-${spanId}-01-more`), NO_PARENT);
  t.equal(traceFlagsOf(`ff-${traceId}-${spanId}-01`), NO_PARENT);
  t.end();
});

test('whatever is not valid is as absent', (t) => {
  const invalid = [
    undefined,
    '',
    'x'.repeat(55),
    `00-${traceId}-${spanId}-0`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
    `00-${'0'.repeat(32)}-${spanId}-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `00_${traceId}-${spanId}-01`,
    `00-${traceId}_${spanId}-01`,
    `00-${traceId}-${spanId}_01`,
    `0g-${traceId}-${spanId}-01`,
    `00-${traceId.slice(1)}g-${spanId}-01`,
    `00-${traceId}-${spanId}-0g`,
  ];
  for (const text of invalid) t.equal(traceFlagsOf(text), NO_PARENT, String(text));
  t.end();
});
