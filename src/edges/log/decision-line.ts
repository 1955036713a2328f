import { errorRegistry } from '../../core/errors.ts';
import { murmur3 } from '../../core/hash.ts';
import type { Assignment } from '../../core/decision.ts';
import { featureStatuses, type AttemptRecord, type DecisionRecord, type ViewRecord } from '../../gateway/record.ts';

/**
 * A decision record as one line of JSON with its newline. The unit may be personal, so only its hash is written (the
 * MurmurHash3 of the text, hexadecimal: enough to follow one unit). The token is left out: whoever has it can reward.
 */
export function decisionLine(record: DecisionRecord, redact: (text: string) => string): string {
  const { facts, error } = record;
  const totalMs = record.endMs - record.startMs;
  const line = {
    level: 'info',
    time: new Date(facts.timeMs).toISOString(),
    type: 'decision',
    request_id: facts.requestId,
    trace_id: record.traceId,
    config: record.snapshot.hash,
    protocol: facts.protocol,
    operation: facts.operation,
    method: facts.method,
    path: redact(facts.path),
    model: redact(facts.model),
    version: redact(facts.version),
    route: record.route?.name ?? null,
    rule: record.rule?.name ?? null,
    ...assignmentFields(record.assignment),
    views: record.views.map(viewFields),
    attempts: record.attempts.map(attemptFields),
    status: record.status,
    code: error,
    flag: error === null ? null : errorRegistry[error].flag,
    outcome: record.outcome,
    ms: {
      total: toMicros(totalMs),
      features: toMicros(record.featuresMs),
      upstream: toMicros(record.upstreamMs),
      overhead: toMicros(Math.max(0, totalMs - record.featuresMs - record.upstreamMs)),
    },
    bytes: { in: record.requestBytes, out: record.answerBytes },
  };
  return `${JSON.stringify(line)}\n`;
}

function assignmentFields(assignment: Assignment | null): object {
  if (assignment === null) return { arm: null, backend: null };
  const { arm, backend, unit, isSticky, bucket, propensity, bandit, posteriorVersion } = assignment;
  return {
    arm,
    backend: backend.name,
    unit: murmur3(unit).toString(16).padStart(8, '0'),
    sticky: isSticky,
    bucket: bucket < 0 ? null : bucket,
    propensity,
    bandit: bandit?.name ?? null,
    posterior_version: bandit === null ? null : posteriorVersion,
  };
}

function viewFields(view: ViewRecord): object {
  const statuses: Record<string, number> = {};
  featureStatuses.forEach((status, i) => {
    const count = view.statuses[i] ?? 0;
    if (count > 0) statuses[status] = count;
  });
  const { rows, cached, ageMs, error } = view;
  return { view: view.view, rows, statuses, cached, age_ms: ageMs, error };
}

function attemptFields(attempt: AttemptRecord): object {
  const { endpoint, status, error } = attempt;
  return { endpoint: endpoint.origin + endpoint.prefix, status, error, ms: toMicros(attempt.endMs - attempt.startMs) };
}

/** Milliseconds with whole microseconds: the clock knows no more. */
function toMicros(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
