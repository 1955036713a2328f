import { readFileSync, writeFileSync } from 'node:fs';

import { errorRegistry, type ErrorEntry } from '../core/errors.ts';
import { metrics, type MetricEntry } from '../gateway/metric-names.ts';
import { rewardGrpcStatus, type RewardCode, rewardStatus } from '../gateway/rewards.ts';

const GRPC_NAMES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
];

const NOTE = '<!-- Made by `npm run generate`; change the source, not this file. -->';

/** docs/errors.md, from the error registry and the results of the reward API. */
export function writeErrorDocs(): string {
  const rows = Object.entries<ErrorEntry>(errorRegistry).map(
    ([code, { status, grpc, flag, message }]) =>
      `| \`${code}\` | ${status} | ${GRPC_NAMES[grpc]} | ${flag} | ${message} |`,
  );
  const results = Object.entries(rewardStatus).map(
    ([result, status]) => `| \`${result}\` | ${status} | ${GRPC_NAMES[rewardGrpcStatus[result as RewardCode]]} |`,
  );
  return `# Errors

${NOTE}

Every error that Makas itself answers carries its code in the header \`makas-error\` and has the body \`{"error": "..."}\`. The protocols
of OpenAI, MLflow, Seldon and Ray Serve have error bodies of their own forms, and gRPC has \`grpc-status\` and \`grpc-message\` instead. What
a model server answers passes through untouched, also when it is an error: such answers have no \`makas-error\`. \`POST /rewards\`
says in \`{"results"}\` what became of each reward ([api.md](api.md)). The flag is the short form in the decision log; \`makas_errors_total{code}\` counts them.

| code | HTTP | gRPC | flag | message |
|---|---|---|---|---|
${rows.join('\n')}

## Results of rewards

\`POST /rewards\` answers each reward with one of these; a single reward is answered with its status, a list with 200 when all are 2xx, else
207. Feedback of Seldon Core 1 is answered with the same status, over gRPC with that of gRPC. \`makas_rewards_total{bandit,result}\` counts them.

| result | HTTP | gRPC |
|---|---|---|
${results.join('\n')}
`;
}

/** docs/metrics.md, from the table of metrics. */
export function writeMetricDocs(): string {
  const rows = Object.entries<MetricEntry>(metrics).map(
    ([name, { kind, labels, help }]) =>
      `| \`${name}\` | ${kind} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help} |`,
  );
  return `# Metrics

${NOTE}

On the admin listener at \`/metrics\`, in the Prometheus text format or OpenMetrics. Labels come from the configuration and from fixed lists,
never from clients; beyond 20,000 series further ones count as \`other\`. \`started = completed + aborted + in flight\` holds at every scrape.

| metric | kind | labels | meaning |
|---|---|---|---|
${rows.join('\n')}
`;
}

if (import.meta.main) {
  const isCheck = process.argv.includes('--check');
  for (const [file, text] of [
    ['docs/errors.md', writeErrorDocs()],
    ['docs/metrics.md', writeMetricDocs()],
  ] as const) {
    if (!isCheck) writeFileSync(file, text);
    else if (readOr(file) !== text) {
      console.error(`${file} is not up to date; run \`npm run generate\``);
      process.exitCode = 1;
    }
  }
}

function readOr(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
