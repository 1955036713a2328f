import * as fc from 'fast-check';
import { test } from 'tap';

import { BlockText } from '../../../src/protocol/http2/block-text.ts';

test('a block is its lines, whatever the blocks before it were', async (t) => {
  const lines = fc.array(fc.constantFrom('a: 1\r\n', 'b: 2\r\n', 'c: 3\r\n', 'd: a long value\r\n'), { maxLength: 6 });
  fc.assert(
    fc.property(fc.array(lines, { maxLength: 12 }), (blocks) => {
      const text = new BlockText();
      return blocks.every((block) => {
        text.begin();
        for (const line of block) text.add(line);
        return text.finish() === block.join('');
      });
    }),
    { seed: 1, numRuns: 5000 },
  );
  t.pass();
});
