import { Buffer } from 'node:buffer';

import { type CodecFailure, fail } from './codec-result.ts';

/** The header (lower case) that says how many bytes of the body are JSON. */
export const inferenceHeader = 'inference-header-content-length';

/** A body in two parts. `kind` raw: the whole body is one input tensor; json: there is no binary part. */
export interface SplitBody {
  readonly ok: true;
  readonly kind: 'json' | 'binary' | 'raw';
  readonly json: Buffer;
  readonly tail: Buffer;
}

const nothing = Buffer.alloc(0);

/**
 * Splits a body of the binary tensor extension (Triton, docs/protocol/extension_binary_data.md) by the value of its
 * `Inference-Header-Content-Length`; undefined means that there was no such header. The parts are views of `body`, which
 * must be decompressed, because the length counts decompressed bytes. Fails when the value is not only digits or
 * exceeds the body.
 */
export function splitBinary(body: Buffer, headerValue: string | undefined): SplitBody | CodecFailure {
  if (headerValue === undefined) return { ok: true, kind: 'json', json: body, tail: nothing };
  const problem = lengthProblem(headerValue, body.length);
  if (problem !== null) return problem;
  const length = Number(headerValue);
  if (length === 0) return { ok: true, kind: 'raw', json: nothing, tail: body };
  return { ok: true, kind: 'binary', json: body.subarray(0, length), tail: body.subarray(length) };
}

/**
 * The failure for a value of `Inference-Header-Content-Length` that is not only digits (at most 15) or exceeds the
 * `bodyLength` bytes of the decompressed body; null for a good one.
 */
export function lengthProblem(headerValue: string, bodyLength: number): CodecFailure | null {
  if (!/^[0-9]{1,15}$/.test(headerValue)) {
    return fail(
      'BAD_REQUEST',
      'BINARY_LENGTH',
      'The header Inference-Header-Content-Length must be a number of bytes.',
    );
  }
  if (Number(headerValue) <= bodyLength) return null;
  return fail('BAD_REQUEST', 'BINARY_LENGTH', 'Inference-Header-Content-Length is larger than the body.');
}

/** The inverse of `splitBinary`; the header's new value is `json.length`. */
export function joinBinary(json: Buffer, tail: Buffer): Buffer {
  return tail.length === 0 ? json : Buffer.concat([json, tail]);
}
