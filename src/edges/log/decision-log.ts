import { drawOf } from '../../core/draws.ts';
import type { Counter, Metrics, RecordSink } from '../../gateway/ports.ts';
import type { DecisionRecord } from '../../gateway/record.ts';
import { decisionLine } from './decision-line.ts';
import type { LineSink } from './line-output.ts';
import { RateLimit } from './rate-limit.ts';

/** Errors in a second that are logged beside the sampled decisions, for each of the two kinds. */
const ERRORS_PER_SECOND = 100;

/**
 * Logs decisions: a share of all, drawn by request id so that every replica draws alike, and all that went wrong. A
 * storm of errors is cut and counted. Errors of clients have a limit of their own, so that a client that scans for
 * paths does not hide the failures of a model.
 */
export class DecisionLog implements RecordSink {
  readonly #output: LineSink;
  readonly #redact: (text: string) => string;
  readonly #logged: Counter;
  readonly #cut: Counter;
  readonly #dropped: Counter;
  readonly #failures = new RateLimit(ERRORS_PER_SECOND);
  readonly #refusals = new RateLimit(ERRORS_PER_SECOND);

  constructor(output: LineSink, metrics: Metrics, redact: (text: string) => string) {
    this.#output = output;
    this.#redact = redact;
    this.#logged = metrics.counter('makas_decisions_logged_total');
    this.#cut = metrics.counter('makas_decisions_log_dropped_total', 'rate');
    this.#dropped = metrics.counter('makas_decisions_log_dropped_total', 'buffer');
  }

  record(record: DecisionRecord): void {
    if (!isSampled(record)) {
      const isFailure = record.status >= 500 || record.outcome === 'broken';
      if (!isFailure && record.error === null) return;
      const limit = isFailure ? this.#failures : this.#refusals;
      if (!limit.take(record.endMs)) return this.#cut.inc();
    }
    const isWritten = this.#output.write(decisionLine(record, this.#redact));
    (isWritten ? this.#logged : this.#dropped).inc();
  }
}

function isSampled({ rule, facts }: DecisionRecord): boolean {
  if (rule === null || rule.logShare <= 0) return false;
  return rule.logShare >= 1 || drawOf(facts.requestId, 'decision-log') < rule.logShare;
}
