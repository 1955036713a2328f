import assert from 'node:assert/strict';

import * as fc from 'fast-check';
import { test } from 'tap';

import {
  grpcAnswerStatus,
  grpcMessage,
  grpcStatus,
  grpcToHttpStatus,
  httpStatusToGrpc,
  readGrpcMessage,
  readGrpcTimeout,
  writeGrpcTimeout,
} from '../../../src/protocol/grpc/status.ts';

test('every gRPC code has an HTTP status, and what is none is an error', async (t) => {
  for (const code of Object.values(grpcStatus)) t.ok(grpcToHttpStatus(code) >= 200, String(code));
  t.equal(grpcToHttpStatus(grpcStatus.OK), 200);
  t.equal(grpcToHttpStatus(grpcStatus.UNAVAILABLE), 503);
  for (const code of [17, -1, 1.5, Number.NaN]) t.equal(grpcToHttpStatus(code), 500);
});

test('every HTTP status has a gRPC code of its class', async (t) => {
  t.equal(httpStatusToGrpc(204), grpcStatus.OK);
  t.equal(httpStatusToGrpc(429), grpcStatus.RESOURCE_EXHAUSTED);
  t.equal(httpStatusToGrpc(502), grpcStatus.UNAVAILABLE);
  t.equal(httpStatusToGrpc(418), grpcStatus.INVALID_ARGUMENT);
  t.equal(httpStatusToGrpc(507), grpcStatus.INTERNAL);
  t.equal(httpStatusToGrpc(302), grpcStatus.INTERNAL);
  for (let status = 400; status < 600; status++) t.not(httpStatusToGrpc(status), grpcStatus.OK, String(status));
});

test('the status of an answer is in its trailers, or in its head', async (t) => {
  t.equal(grpcAnswerStatus('', 'grpc-status: 0\r\n'), 200);
  t.equal(grpcAnswerStatus('grpc-status: 5\r\n', ''), 404);
  t.equal(grpcAnswerStatus('grpc-status: 0\r\n', 'grpc-status: 14\r\n'), 503, 'the trailers come last');
  for (const text of ['', 'grpc-status: \r\n', 'grpc-status: x\r\n', 'grpc-status: -1\r\n', 'grpc-status: 99\r\n']) {
    t.equal(grpcAnswerStatus('', text), 500, text);
  }
});

test('a message survives the way through a header', async (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const value = grpcMessage(text);
      assert.match(value, /^[\u0020-\u007e]*$/);
      assert.equal(readGrpcMessage(value), text.toWellFormed());
    }),
    { seed: 434, numRuns: 2000 },
  );
  t.equal(grpcMessage('100 %\n€'), '100 %25%0A%E2%82%AC');
  t.equal(grpcMessage(' both '), '%20both%20', 'fields keep no blanks at their ends');
  t.doesNotThrow(() => grpcMessage('\ud800'));
});

test('what is no escape in a message stays as it is', async (t) => {
  t.equal(readGrpcMessage('100% of %E2%82%AC, %zz %4 %'), '100% of €, %zz %4 %');
  t.equal(readGrpcMessage('%ff%C3 and %41'), '%ff%C3 and A', 'nor what is not UTF-8');
});

test('timeouts are read in every unit', async (t) => {
  const cases: [string, number | null][] = [
    ['1H', 3_600_000],
    ['2M', 120_000],
    ['3S', 3000],
    ['99999999m', 99_999_999],
    ['500u', 0.5],
    ['0m', 0],
    ['123456789m', null],
    ['1', null],
    ['-1S', null],
    ['1.5S', null],
    ['1s', null],
    ['', null],
  ];
  for (const [text, ms] of cases) t.equal(readGrpcTimeout(text), ms, text);
  t.equal(Math.round(readGrpcTimeout('1500000n')! * 1e6), 1_500_000);
});

test('a timeout that was written is not shorter, and fits eight digits', async (t) => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 9e10, noNaN: true }), (ms) => {
      const read = readGrpcTimeout(writeGrpcTimeout(ms));
      return read !== null && read >= ms && read <= Math.max(1, ms + (ms < 1e8 ? 1 : 1001));
    }),
    { seed: 435, numRuns: 2000 },
  );
  t.equal(writeGrpcTimeout(Number.MAX_SAFE_INTEGER), '99999999S');
});
