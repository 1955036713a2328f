import { test } from 'tap';

import type { Protocol } from '../../src/core/facts.ts';
import type { Into } from '../../src/protocol/feature-into.ts';
import { checkPlace, formOf, hasPlace } from '../../src/protocol/feature-places.ts';

const kinds: readonly Into['kind'][] = ['tensor', 'tensors', 'columns', 'parameters', 'pointer'];

test('each protocol has its places for features', async (t) => {
  const placesOf = (protocol: Protocol) => kinds.filter((kind) => hasPlace(protocol, kind)).join(' ');
  for (const protocol of ['oip', 'triton'] as const) t.equal(placesOf(protocol), 'tensor tensors parameters pointer');
  for (const protocol of ['kserve-v1', 'tfserving', 'vertex'] as const) {
    t.equal(placesOf(protocol), 'columns parameters pointer', protocol);
  }
  for (const protocol of ['mlflow', 'sagemaker', 'seldon-v1', 'ray-serve', 'openai'] as const) {
    t.equal(placesOf(protocol), 'parameters pointer', protocol);
  }
  t.equal(placesOf('oip-grpc'), 'tensor tensors parameters');
  for (const protocol of ['tfserving-grpc', 'seldon-v1-grpc', 'ray-serve-grpc'] as const)
    t.equal(placesOf(protocol), '');
  t.strictSame([formOf('oip'), formOf('kserve-v1'), formOf('mlflow')], ['tensors', 'rows', 'rows']);
});

test('a request without the place is refused with both of them named', async (t) => {
  t.equal(checkPlace('oip', 'infer', 'tensor'), null);
  t.match(checkPlace('oip', 'generate', 'tensor'), { code: 'BAD_BODY', message: /generate request/ });
  t.equal(checkPlace('oip', 'generate', 'parameters'), null);
  t.match(checkPlace('oip', 'infer', 'columns'), { message: /rows of "instances", which requests of oip do not have/ });
  t.match(checkPlace('kserve-v1', 'infer', 'tensors'), { message: /input tensors, which requests of kserve-v1/ });
});
