import { parentPort, workerData } from 'node:worker_threads';

import { openReplica, systemClock } from '../app.ts';
import { compilePortable, type ServingConfig } from '../config/prepare.ts';
import { PortState } from '../edges/embedded/state-port.ts';
import { createLogger } from '../edges/log/logger.ts';
import { PostedOutput } from '../edges/log/posted-output.ts';
import { PromMetrics } from '../edges/telemetry/metrics.ts';
import { watchThread } from '../edges/telemetry/process-metrics.ts';
import type { Logger } from '../gateway/ports.ts';
import type { Replica } from './data-plane.ts';
import { readSettings } from './settings.ts';
import { collectStartupGarbage } from './startup-garbage.ts';
import { openWorkerState } from './state.ts';
import type {
  MessageFromWorker,
  MessageToWorker,
  WorkerAnswers,
  WorkerRequest,
  WorkerStart,
} from './worker-messages.ts';

/** The thread of one worker: a replica, and what the main thread asks of it. */
const main = parentPort!;
const start: WorkerStart = workerData;
function tell(message: MessageFromWorker): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- A thread, not a window.
  main.postMessage(message);
}

const stack = new AsyncDisposableStack();
const output = new PostedOutput((lines) => tell({ lines }));
process.on('exit', () => output.flush());

const config = compilePortable(start.config);
let prepared: ServingConfig | null = null;
let redact = config.redact;
const settings = readSettings(config.config);
const log = createLogger({ level: settings.logLevel, output, redact: (text) => redact(text) });
const logger = withWorker(log, start.id);
const metrics = new PromMetrics({
  memory: start.memory,
  onOverflow: (name) => logger.warn({ metric: name }, 'too many series; the rest is counted as other'),
});

/** Spreads reads of the state less than replicas do, so that what one worker learns is with all within `refresh`. */
const draw = (): number => Math.random() / 4;

async function open(): Promise<Replica> {
  stack.defer(watchThread(metrics));
  const { store, bufferLimit } = await openWorkerState(config.config, logger, start.statePort, start.workers);
  stack.defer(() => store.close());
  main.on('message', (message: MessageToWorker) => {
    if ('taken' in message) output.taken(message.taken);
    else if ('statePort' in message && store instanceof PortState) store.use(message.statePort);
  });
  const { keyCheckMs } = start;
  const ports = {
    clock: systemClock,
    logger,
    metrics,
    output,
    redact: (text: string) => redact(text),
    draw,
    keyCheckMs,
  };
  return openReplica(config, { ...ports, store, bufferLimit }, stack);
}

async function answer(replica: Replica, request: WorkerRequest): Promise<WorkerAnswers[keyof WorkerAnswers]> {
  switch (request.ask) {
    case 'prepare':
      prepared = compilePortable(request.config);
      await replica.prepare(prepared.snapshot);
      break;
    case 'commit':
      if (prepared === null) throw new Error('nothing was prepared');
      commit(replica, prepared);
      break;
    case 'abandon':
      prepared = null;
      replica.abandon();
      break;
    case 'listen':
      collectStartupGarbage();
      return replica.listen({ ports: request.ports, reusePort: true });
    case 'collect':
      metrics.collect();
      break;
    case 'beat':
      break;
    case 'describe':
      return replica.describe();
    case 'close':
      await stack.disposeAsync();
      output.flush();
      break;
  }
  return null;
}

function commit(replica: Replica, next: ServingConfig): void {
  replica.adopt(next.snapshot);
  prepared = null;
  redact = (text) => config.redact(next.redact(text));
  log.setLevel(readSettings(next.config).logLevel);
}

async function serve(replica: Replica, call: number, request: WorkerRequest): Promise<void> {
  try {
    tell({ call, answer: await answer(replica, request) });
  } catch (error) {
    tell({ call, error: textOf(error) });
  }
  // The thread ends by itself now that nothing is left to do.
  if (request.ask === 'close') main.close();
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function withWorker(logger: Logger, worker: number): Logger {
  return {
    debug: (fields, message) => logger.debug({ worker, ...fields }, message),
    info: (fields, message) => logger.info({ worker, ...fields }, message),
    warn: (fields, message) => logger.warn({ worker, ...fields }, message),
    error: (fields, message) => logger.error({ worker, ...fields }, message),
  };
}

try {
  const replica = await open();
  main.on('message', (message: MessageToWorker) => {
    if ('request' in message) void serve(replica, message.call, message.request);
  });
  tell({ call: 0, answer: null });
} catch (error) {
  tell({ call: 0, error: textOf(error) });
  await stack.disposeAsync();
  main.close();
}
