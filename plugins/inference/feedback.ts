import type { Buffer } from 'node:buffer';
import type { IncomingHttpHeaders } from 'node:http';

import type { ErrorContent } from '../../src/protocol/error-answer.ts';
import type { BodyDecoder } from '../../src/gateway/ports.ts';
import { type RewardDesk, rewardStatus } from '../../src/gateway/rewards.ts';
import { feedbackAnswer, namesDecision, readFeedback } from '../../src/gateway/seldon-feedback.ts';

/** An answer to a feedback, as it goes into JSON. */
export interface FeedbackAnswer {
  readonly status: number;
  readonly content: object;
}

/** A feedback that came beneath a mount. */
export type MountedFeedback =
  | { readonly kind: 'refused'; readonly error: ErrorContent }
  /** It is about a decision of Makas. */
  | { readonly kind: 'reward'; readonly content: unknown }
  /** It is about an answer of the deployment alone. */
  | { readonly kind: 'foreign' };

/** Counts the reward of a feedback and says so as Seldon does. Never rejects. */
export async function countFeedback(
  desk: RewardDesk,
  content: unknown,
  header: string | undefined,
): Promise<FeedbackAnswer> {
  const feedback = readFeedback(content, header);
  if (typeof feedback === 'string') return { status: 400, content: feedbackAnswer(400, 'BAD_REQUEST', feedback) };
  const [result] = await desk.submit([feedback]);
  const { result: code, message = '' } = result!;
  const status = rewardStatus[code];
  return { status, content: feedbackAnswer(status, status < 300 ? null : code.toUpperCase(), message) };
}

/** Tells whose a feedback is. `encoded` and `type` are its body and the type of that; `header` is that with the decision. */
export function sortFeedback(
  encoded: Buffer | null,
  { 'content-type': type, 'content-encoding': encoding = 'identity' }: IncomingHttpHeaders,
  header: string | undefined,
  decode: BodyDecoder,
): MountedFeedback {
  const body = encoded === null || encoding === 'identity' ? encoded : decode(encoding, encoded);
  if (body === 'too-large') {
    const message = 'Without its Content-Encoding the body is larger than this gateway accepts.';
    return { kind: 'refused', error: { status: 413, code: 'BODY_TOO_LARGE', message } };
  }
  if (body === null && encoded !== null) {
    return { kind: 'refused', error: { status: 400, code: 'BAD_BODY', message: 'The body cannot be decoded.' } };
  }
  if (body !== null && !/^application\/json\s*(?:;|$)/i.test(type ?? '')) {
    const message = 'Feedback is sent as JSON, with content-type: application/json.';
    return { kind: 'refused', error: { status: 415, code: 'BAD_REQUEST', message } };
  }
  let content: unknown;
  try {
    content = JSON.parse(body?.toString('utf8') ?? '');
  } catch {
    return { kind: 'refused', error: { status: 400, code: 'BAD_BODY', message: 'The body is not valid JSON.' } };
  }
  return namesDecision(content, header) ? { kind: 'reward', content } : { kind: 'foreign' };
}
