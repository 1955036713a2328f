import { type Answer, compareAnswers, type AnswerComparison } from '../core/compare-answers.ts';
import { drawOf } from '../core/draws.ts';
import type { Protocol } from '../core/facts.ts';
import type { Shadow } from '../core/snapshot.ts';
import type { Clock, Logger } from './ports.ts';
import { answerText, readAnswer, type WholeAnswer } from './shadow-answer.ts';

/** Log lines for mismatches of all shadows together. */
const LOGS_PER_SECOND = 10;

/** Where a pair of answers comes from. */
export interface PairOrigin {
  readonly requestId: string;
  /** Of the backend that answered the client. */
  readonly protocol: Protocol;
  readonly route: string;
  readonly rule: string;
  /** Name of the backend that answered the client. */
  readonly primary: string;
  readonly shadow: Shadow;
}

/** Compares pairs of answers, and logs a sample of those that differ. */
export class ShadowJudge {
  readonly #clock: Clock;
  readonly #logger: Logger;
  #secondStartMs = -Infinity;
  #logsInSecond = 0;

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Null when the answers are not to be compared. */
  compare(origin: PairOrigin, primary: WholeAnswer, shadow: WholeAnswer): AnswerComparison['result'] | null {
    const { compare } = origin.shadow;
    if (compare === null) return null;
    try {
      const a = readAnswer(primary, origin.protocol);
      const b = readAnswer(shadow, origin.shadow.backend.protocol);
      const comparison = compareAnswers(a, isTranslated(origin) ? named(b, a) : b, compare);
      if (comparison.result === 'mismatch' && this.#isLogged(origin)) {
        const outputs = { primaryOutputs: answerText(a, primary.body), shadowOutputs: answerText(b, shadow.body) };
        this.#log(origin, comparison, primary, shadow, outputs);
      }
      return comparison.result;
    } catch (error) {
      // Answers come from outside; one that breaks the reader must not break the gateway.
      this.#logger.error({ err: error, requestId: origin.requestId }, 'the answer of a shadow could not be compared');
      return 'incomparable';
    }
  }

  #isLogged({ requestId, shadow }: PairOrigin): boolean {
    if (drawOf(requestId, `${shadow.salt}:log`) >= shadow.logShare) return false;
    const now = this.#clock.steady();
    if (now - this.#secondStartMs >= 1000) {
      this.#secondStartMs = now;
      this.#logsInSecond = 0;
    }
    return this.#logsInSecond++ < LOGS_PER_SECOND;
  }

  #log(
    origin: PairOrigin,
    comparison: AnswerComparison,
    primary: WholeAnswer,
    shadow: WholeAnswer,
    outputs: object,
  ): void {
    this.#logger.info(
      {
        requestId: origin.requestId,
        route: origin.route,
        rule: origin.rule,
        primary: origin.primary,
        shadow: origin.shadow.backend.name,
        reason: comparison.reason,
        maxDifference: comparison.maxDifference,
        primaryStatus: primary.status,
        shadowStatus: shadow.status,
        ...outputs,
      },
      'a shadow answered differently',
    );
  }
}

/** Whether primary and shadow speak different protocols, which call the same output by different names. */
function isTranslated({ protocol, shadow }: PairOrigin): boolean {
  return protocol !== shadow.backend.protocol;
}

/** An answer with one output, by the name that the one output of another answer has. */
function named(answer: Answer, other: Answer): Answer {
  const { outputs } = answer;
  if (typeof outputs === 'string' || typeof other.outputs === 'string') return answer;
  const [output, ...more] = outputs;
  const [like, ...further] = other.outputs;
  if (output === undefined || like === undefined || more.length > 0 || further.length > 0) return answer;
  return { ...answer, outputs: [{ ...output, name: like.name }] };
}
