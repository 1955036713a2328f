import { test } from 'tap';

import { requestHead } from '../../../src/edges/grpc/call-head.ts';
import { readGrpcPath } from '../../../src/protocol/grpc/methods.ts';
import { inferBytes } from '../../support/grpc.ts';

const PATH = '/inference.GRPCInferenceService/ModelInfer';

/** `grpc-timeout` of a call as the gateway sees it when so much of it was spent before its message was whole. */
function timeoutAfter(spentMs: number, timeout: string): string | undefined {
  const method = readGrpcPath(PATH, new Set());
  if (method === null) throw new Error('not a method');
  const stream = { method: 'POST', path: PATH, authority: 'g', block: `grpc-timeout: ${timeout}\r\n` };
  const head = requestHead(stream, method, inferBytes('m'), null, spentMs);
  if (typeof head === 'string') throw new Error(head);
  return head.headers.get('grpc-timeout');
}

test('a deadline counts from the head on, and one that passed before the message came stays so', (t) => {
  t.equal(timeoutAfter(0.5, '250m'), '250m');
  t.equal(timeoutAfter(50, '250m'), '200m');
  t.equal(timeoutAfter(249.5, '250m'), '1m');
  for (const [spentMs, timeout] of [
    [250, '250m'],
    [300, '250m'],
    [1.5, '0n'],
    [2, '1m'],
  ] as const)
    t.equal(timeoutAfter(spentMs, timeout), '0m', `${spentMs} ms of ${timeout}`);
  t.end();
});
