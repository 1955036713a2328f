import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

import type { ErrorCode } from '../src/core/errors.ts';
import { rewardStatus, type RewardDesk, type RewardResult } from '../src/gateway/rewards.ts';
import { ListedHeaders } from '../src/gateway/request-headers.ts';
import { feedbackBytesMax } from '../src/gateway/seldon-feedback.ts';
import { namingFields } from '../src/gateway/seldon-puid.ts';
import { errorAnswer } from '../src/protocol/error-answer.ts';
import { headerList } from '../src/protocol/header-block.ts';
import { countFeedback } from './inference/feedback.ts';

export interface RewardsOptions {
  readonly desk: RewardDesk;
  /** Most rewards in one call. */
  readonly maxBatch: number;
}

/** Of the paths of Seldon Core 1. */
const SELDON_VERSIONS = ['v1.0', 'v0.1'];

const BODY_LIMIT = feedbackBytesMax;

/**
 * `POST /api/v1.0/feedback`: one reward as Seldon Core 1 clients send it. `POST /rewards`: one reward, a list of rewards, or `{"rewards": [...]}`. One reward is answered with the status of its
 * result; a list with 200, or 207 when not all of it was accepted. Results are in the order of the rewards.
 */
export async function rewardsPlugin(app: FastifyInstance, { desk, maxBatch }: RewardsOptions): Promise<void> {
  // This plugin reads bodies in its own way, whatever the listener does for the inference paths.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'string', bodyLimit: BODY_LIMIT },
    app.getDefaultJsonParser('error', 'error'),
  );
  app.setErrorHandler((error: FastifyError, _request, reply) => refuseBody(error, reply, refuse));
  app.addHook('onRequest', async (request) => {
    const { 'content-encoding': encoding = 'identity' } = request.headers;
    if (encoding !== 'identity') throw Object.assign(new Error('encoded'), { statusCode: 415 });
  });

  for (const version of SELDON_VERSIONS) {
    const errorHandler = (error: FastifyError, _request: unknown, reply: FastifyReply): void => {
      refuseBody(error, reply, refuseFeedback);
    };
    const onRequest = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
      const list = headerList(namingFields('seldon-v1', new ListedHeaders(request.raw.rawHeaders)));
      for (let i = 0; i < list.length; i += 2) void reply.header(list[i]!, list[i + 1]!);
    };
    const options = { bodyLimit: BODY_LIMIT, errorHandler, onRequest };
    app.post(`/api/${version}/feedback`, options, async (request, reply) => {
      const header = request.headers['makas-decision'];
      const answered = await countFeedback(desk, request.body, typeof header === 'string' ? header : undefined);
      return reply.code(answered.status).send(answered.content);
    });
  }

  app.post('/rewards', { bodyLimit: BODY_LIMIT }, async (request, reply) => {
    const { body } = request;
    const list = listOf(body);
    if (list === null) return answer(reply, await desk.submit([body]), true);
    if (list.length === 0) return refuse(reply, 400, 'BAD_REQUEST', 'There is no reward in the list.');
    if (list.length > maxBatch) {
      return refuse(
        reply,
        413,
        'BODY_TOO_LARGE',
        `One call takes at most ${maxBatch} rewards, this one has ${list.length}.`,
      );
    }
    return answer(reply, await desk.submit(list), false);
  });
}

function listOf(body: unknown): readonly unknown[] | null {
  if (Array.isArray(body)) return body;
  if (typeof body !== 'object' || body === null || !('rewards' in body)) return null;
  return Array.isArray(body.rewards) && Object.keys(body).length === 1 ? body.rewards : null;
}

function answer(reply: FastifyReply, results: readonly RewardResult[], isSingle: boolean): FastifyReply {
  const statuses = results.map(({ result }) => rewardStatus[result]);
  const isAccepted = statuses.every((status) => status < 300);
  const status = isSingle ? statuses[0]! : isAccepted ? 200 : 207;
  if (statuses.includes(rewardStatus.refused)) void reply.header('retry-after', '1');
  if (status === rewardStatus.refused) void reply.header('makas-error', 'STATE_UNAVAILABLE' satisfies ErrorCode);
  return reply.code(status).send({ results, counted: results.filter(({ result }) => result === 'counted').length });
}

/** Writes an error in the form that the clients of a path read. */
type Refuse = (reply: FastifyReply, status: number, code: ErrorCode, message: string) => FastifyReply;

function refuseBody(error: FastifyError, reply: FastifyReply, say: Refuse): FastifyReply {
  const status = error.statusCode ?? 500;
  if (status === 413) return say(reply, 413, 'BODY_TOO_LARGE', 'One call takes at most 4 MiB of rewards.');
  if (status === 415)
    return say(
      reply,
      415,
      'BAD_REQUEST',
      'Rewards are sent as JSON, with content-type: application/json and without Content-Encoding.',
    );
  if (status >= 400 && status < 500)
    return say(reply, 400, 'BAD_BODY', 'The body is not valid JSON, or has a key named __proto__ or constructor.');
  reply.log.error({ reason: error.message }, 'a call with rewards failed');
  return say(reply, 500, 'INTERNAL', 'The gateway failed to handle this request.');
}

function refuse(reply: FastifyReply, status: number, code: ErrorCode, message: string): FastifyReply {
  return reply.code(status).header('makas-error', code).send({ error: message });
}

function refuseFeedback(reply: FastifyReply, status: number, code: ErrorCode, message: string): FastifyReply {
  const { body } = errorAnswer('seldon-v1', { status, code, message });
  return reply.code(status).header('makas-error', code).type('application/json').send(body);
}
