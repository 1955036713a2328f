import { test } from 'tap';

import { streamLimit } from '../../../src/edges/http2/stream-limit.ts';

test('streams at once are those that an endpoint announces, up to a limit, and a hundred where it announces none', (t) => {
  for (const announced of [0, 1, 100, 128, 1000]) t.equal(streamLimit(announced), announced);
  t.equal(streamLimit(1001), 1000);
  t.equal(streamLimit(0x7fffffff), 1000);
  for (const unlimited of [0xffffffff, Infinity]) t.equal(streamLimit(unlimited), 100);
  t.end();
});
