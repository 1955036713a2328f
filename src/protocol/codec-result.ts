import type { ErrorCode } from '../core/errors.ts';

/** What exactly is wrong, for logs, `explain` and tests; several reasons share one code of the registry. */
export type CodecReason =
  | 'NOT_JSON'
  | 'NOT_AN_OBJECT'
  | 'WRONG_TYPE'
  | 'MISSING'
  | 'DUPLICATE_TENSOR'
  | 'RAW_REQUEST'
  | 'BINARY_LENGTH'
  | 'BINARY_DATA'
  | 'DATATYPE'
  | 'ROW_COUNT'
  | 'TOO_MANY_ROWS'
  | 'NULL_VALUE'
  | 'NOT_FINITE'
  | 'NOT_REPRESENTABLE'
  | 'MALFORMED'
  | 'NOT_UTF8'
  | 'SHAPE'
  | 'ELEMENT_COUNT'
  | 'MIXED_CONTENTS'
  | 'RAW_COUNT'
  | 'NO_TRANSLATION'
  | 'UNSUPPORTED_FIELD'
  | 'CONTENT_TYPE'
  | 'UNKNOWN_OUTPUT'
  | 'NOT_READY';

/** A request that a codec cannot handle. The message is safe for clients and says what to do. */
export interface CodecFailure {
  readonly ok: false;
  readonly code: Extract<ErrorCode, 'BAD_REQUEST' | 'BAD_BODY' | 'BODY_TOO_LARGE' | 'FEATURE_MISSING'>;
  readonly reason: CodecReason;
  readonly message: string;
}

/** Makes a failure. Codecs return it and never throw on bytes that a client sent. */
export function fail(code: CodecFailure['code'], reason: CodecReason, message: string): CodecFailure {
  return { ok: false, code, reason, message };
}

/** The failure for a body that is not one whole JSON object. */
export function failNotObject(): CodecFailure {
  return fail('BAD_BODY', 'NOT_AN_OBJECT', 'The body must be one JSON object.');
}
