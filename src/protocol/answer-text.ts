import type { Buffer } from 'node:buffer';

import { setMember } from './json-member.ts';
import { joinBinary } from './oip-binary.ts';

/** An answer, and the length of its JSON when binary tensors follow, else null. */
export interface EditedAnswer {
  readonly body: Buffer;
  readonly inferenceHeaderLength: number | null;
}

/**
 * Adds a text to the `parameters` of an Open Inference Protocol answer, whose first `inferenceHeaderLength` bytes are JSON
 * (null: all of them). Returns the new body and length; the same buffer when the answer is no object, or has something
 * else than an object there. What the answer has there under this key gives way. No other byte changes.
 */
export function addAnswerText(
  body: Buffer,
  inferenceHeaderLength: number | null,
  key: string,
  value: string,
): EditedAnswer {
  const text = JSON.stringify(value);
  if (inferenceHeaderLength === null) return { body: setMember(body, PARAMETERS, key, text), inferenceHeaderLength };
  if (inferenceHeaderLength > body.length) return { body, inferenceHeaderLength };
  const json = body.subarray(0, inferenceHeaderLength);
  const added = setMember(json, PARAMETERS, key, text);
  if (added === json) return { body, inferenceHeaderLength };
  return { body: joinBinary(added, body.subarray(inferenceHeaderLength)), inferenceHeaderLength: added.length };
}

const PARAMETERS = ['parameters'];
