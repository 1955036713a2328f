import { test } from 'tap';

import { errorBody } from '../../src/protocol/error-body.ts';

test('an error body is an object with the message', async (t) => {
  t.equal(errorBody('no "such" model é').toString(), '{"error":"no \\"such\\" model é"}');
});
