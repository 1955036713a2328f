import fc from 'fast-check';
import { test } from 'tap';

import { fitsInto } from '../../../src/edges/grpc/call-head.ts';
import { callHeaders } from '../../../src/edges/grpc/call-headers.ts';
import { sizeOf } from '../../../src/edges/http2/node-fields.ts';
import { ListedHeaders } from '../../../src/gateway/request-headers.ts';
import { headerBlock } from '../../../src/protocol/header-block.ts';

const name = fc.oneof(
  fc.constantFrom(
    'te',
    'host',
    'content-length',
    'x-request-id',
    'makas-x',
    'makas_x',
    'proxy-authorization',
    'cookie',
  ),
  fc.stringMatching(/^[a-z][a-z0-9_-]{0,12}$/),
);
const fields = fc.array(fc.tuple(name, fc.stringMatching(/^([!-~]([ -~]{0,20}[!-~])?)?$/)), { maxLength: 12 });

test('the fields of a block are those of a list', async () => {
  fc.assert(
    fc.property(fields, name, (list, asked) => {
      const flat = list.flat();
      const listed = new ListedHeaders(flat);
      const headers = callHeaders(headerBlock(flat));
      return (
        headers.upstream === listed.upstream &&
        headers.get(asked) === listed.get(asked) &&
        list.every(([one]) => headers.get(one) === listed.get(one)) &&
        JSON.stringify(headers.all()) === JSON.stringify(listed.all())
      );
    }),
    { seed: 3, numRuns: 1000 },
  );
});

test('the size of a block is counted as HTTP/2 counts fields', async () => {
  fc.assert(
    fc.property(fields, fc.integer({ min: -2, max: 2 }), (list, more) => {
      const flat = list.flat();
      const size = sizeOf(flat);
      return fitsInto(headerBlock(flat), size + more) === more >= 0;
    }),
    { seed: 4, numRuns: 1000 },
  );
});
