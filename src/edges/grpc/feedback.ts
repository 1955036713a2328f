import type { Buffer } from 'node:buffer';

import { type RewardDesk, rewardGrpcStatus, rewardStatus } from '../../gateway/rewards.ts';
import { namesDecision, readFeedback } from '../../gateway/seldon-feedback.ts';
import { readFeedbackMessage, seldonSuccess } from '../../protocol/grpc/seldon-message.ts';
import { grpcStatus } from '../../protocol/grpc/status.ts';
import type { OwnAnswer } from './own-methods.ts';

/** Where rewards go. */
export type RewardTaker = Pick<RewardDesk, 'submit'>;

/**
 * What becomes of a Feedback over gRPC: `foreign` is about an answer of the deployment alone, and goes to it; `malformed`
 * cannot be told; all else is a reward, with the answer to it. `header` is the metadata `makas-decision`. The message is
 * read before it returns. Never rejects.
 */
export function takeFeedback(
  desk: RewardTaker,
  message: Buffer,
  header: string | undefined,
): Promise<OwnAnswer> | 'foreign' | 'malformed' {
  const feedback = readFeedbackMessage(message);
  if (feedback === null) return 'malformed';
  return namesDecision(feedback, header) ? count(desk, feedback, header) : 'foreign';
}

async function count(desk: RewardTaker, content: object, header: string | undefined): Promise<OwnAnswer> {
  const item = readFeedback(content, header);
  if (typeof item === 'string')
    return { ok: false, code: 'BAD_REQUEST', status: grpcStatus.INVALID_ARGUMENT, text: item };
  const [result] = await desk.submit([item]);
  const { result: code, message = '' } = result!;
  const status = rewardGrpcStatus[code];
  return status === grpcStatus.OK
    ? { ok: true, message: seldonSuccess(rewardStatus[code]) }
    : { ok: false, code: code === 'refused' ? 'STATE_UNAVAILABLE' : 'BAD_REQUEST', status, text: message };
}
