import { tokenBytes } from '../core/token.ts';

/** Tag of a Seldon answer with the decision token, unless the route names another: clients send answers back as they are. */
export const decisionTag = 'makas-decision';

/** Most bytes of a feedback, which has the request and its answer in it. */
export const feedbackBytesMax = 4 * 2 ** 20;

/** What a feedback says of a decision. */
export interface SeldonFeedback {
  readonly decision: string;
  readonly reward: unknown;
}

const NO_DECISION =
  'The feedback names no decision. Send the answer of the prediction as `response`, with its meta.tags, or the header makas-decision.';

/** Whether a feedback is about a decision of Makas, by its header or by a tag; every other one is for the deployment. */
export function namesDecision(body: unknown, header: string | undefined): boolean {
  return header !== undefined || (isObject(body) && taggedDecision(body) !== null);
}

/** The message that Seldon's clients get for a feedback: `reason` is null for one that was taken. */
export function feedbackAnswer(code: number, reason: string | null, info: string): object {
  const status = reason === null ? { code, status: 'SUCCESS' } : { code, info, reason, status: 'FAILURE' };
  return { meta: {}, status };
}

/**
 * Reads a Seldon Core 1 feedback, `{"request", "response", "reward", "truth"}`: the decision is in a header of that name or
 * in the tags of the answer that it is about. A text says what is missing.
 */
export function readFeedback(body: unknown, header: string | undefined): SeldonFeedback | string {
  if (!isObject(body)) return 'The feedback must be one JSON object.';
  if (typeof body['reward'] !== 'number') return 'The feedback needs a number as `reward`.';
  const decision = header ?? taggedDecision(body);
  return decision === null ? NO_DECISION : { decision, reward: body['reward'] };
}

function taggedDecision({ response }: Readonly<Record<string, unknown>>): string | null {
  const meta = isObject(response) ? response['meta'] : null;
  const tags = isObject(meta) ? meta['tags'] : null;
  if (!isObject(tags)) return null;
  const own = tags[decisionTag] ?? null;
  // Damaged or not, it says that the feedback is about a decision, and is refused as such.
  if (own !== null) return typeof own === 'string' ? own : JSON.stringify(own);
  // The route may have named another tag, so what has the form of a token is one.
  const found = Object.values(tags).find((tag) => typeof tag === 'string' && tokenBytes(tag) !== null);
  return typeof found === 'string' ? found : null;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
