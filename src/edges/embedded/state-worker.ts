import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { StateDatabase } from './state-database.ts';
import type { StateCall, StateFile, StateReply } from './state-messages.ts';

/**
 * The thread that owns the state file. It takes all calls that wait and writes them in one transaction, so that one
 * flush of the disk serves them all: the busier the gateway, the larger the group.
 */
const MAX_GROUP = 1_000;
const PURGE_INTERVAL_MS = 30_000;

const port = parentPort!;
const stateFile: StateFile = workerData;
const reply = (message: StateReply): void => port.postMessage(message);

function open(): StateDatabase | null {
  try {
    const database = new StateDatabase(stateFile);
    reply({ call: 0, answer: null });
    return database;
  } catch (error) {
    reply({ call: 0, error: textOf(error) });
    return null;
  }
}

function runGroup(database: StateDatabase, calls: readonly StateCall[]): void {
  try {
    const answers = database.runAll(
      calls.map(({ request }) => request),
      Date.now(),
    );
    calls.forEach(({ call }, i) => reply({ call, answer: answers[i]! }));
  } catch (error) {
    // What fails alone must not fail what came with it, such as a read on a full disk.
    if (calls.length > 1) for (const call of calls) runGroup(database, [call]);
    else for (const { call } of calls) reply({ call, error: textOf(error) });
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const database = open();
if (database !== null) {
  const purging = setInterval(() => {
    try {
      database.purge(Date.now());
    } catch {
      // Only saves room; a disk that fails shows at the next write.
    }
  }, PURGE_INTERVAL_MS);

  port.on('message', (first: StateCall) => {
    const calls = [first];
    while (calls.length < MAX_GROUP) {
      const next = receiveMessageOnPort(port);
      if (next === undefined) break;
      const { message }: { message: StateCall } = next;
      calls.push(message);
    }
    const isClosing = calls.some(({ request }) => request.kind === 'close');
    runGroup(database, calls);
    if (!isClosing) return;
    clearInterval(purging);
    database.close();
    port.close();
  });
}
