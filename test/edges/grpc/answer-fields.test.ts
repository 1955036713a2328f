import fc from 'fast-check';
import { test } from 'tap';

import { AnswerFieldReader } from '../../../src/edges/grpc/answer-fields.ts';
import { headerBlock } from '../../../src/protocol/header-block.ts';
import { answerFields } from '../../../src/protocol/header-crossing.ts';

test('the status and the type are found, and what is not for the client stays here', (t) => {
  const reader = new AnswerFieldReader();
  const head = reader.read('makas-x: 1\r\ncontent-type: application/grpc+proto\r\nte: trailers\r\nx-a: é\r\n');
  t.strictSame(head, { crossing: 'content-type: application/grpc+proto\r\nx-a: é\r\n', status: null, isGrpc: true });
  const trailers = reader.read('grpc-status: 5\r\ngrpc-message: no\r\n');
  t.strictSame(trailers, { crossing: 'grpc-status: 5\r\ngrpc-message: no\r\n', status: '5', isGrpc: false });
  t.equal(reader.read('grpc-status: 5\r\ngrpc-message: no\r\n'), trailers, 'the last ones are remembered');
  t.strictSame(reader.read(''), { crossing: '', status: null, isGrpc: false });
  t.end();
});

test('the same fields cross as of a list, whatever came before', (t) => {
  const name = fc.constantFrom(
    'content-type',
    'grpc-status',
    'x-request-id',
    'makas_error',
    'te',
    'keep-alive',
    'connection',
    'x-a',
    'x-b-bin',
  );
  const field = fc.tuple(name, fc.constantFrom('', 'a', '0', 'x-a, te', 'application/grpc'));
  const reader = new AnswerFieldReader();
  fc.assert(
    fc.property(fc.array(field, { maxLength: 6 }), (fields) => {
      const list = fields.flat();
      t.equal(reader.read(headerBlock(list)).crossing, answerFields(list));
    }),
    { seed: 3, numRuns: 300 },
  );
  t.end();
});
