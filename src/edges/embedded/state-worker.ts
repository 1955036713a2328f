import { parentPort, receiveMessageOnPort, workerData, type MessagePort } from 'node:worker_threads';
import { StateDatabase } from './state-database.ts';
import type { StateCall, StateConnect, StateFile, StateReply } from './state-messages.ts';

/**
 * The thread that owns the state file, and is the only one that writes it. It takes all calls that wait, from whichever
 * thread, and writes them in one transaction, so that one flush of the disk serves them all: the busier the gateway, the
 * larger the group.
 */
const MAX_GROUP = 1_000;
const PURGE_INTERVAL_MS = 30_000;

/** A call and the port to answer it on. */
interface Call extends StateCall {
  readonly from: MessagePort;
}

const main = parentPort!;
const ports = new Set([main]);
const stateFile: StateFile = workerData;

/** The replies of a group, in one message for each port. */
class Replies {
  readonly #ofPort = new Map<MessagePort, StateReply[]>();

  add(port: MessagePort, reply: StateReply): void {
    const replies = this.#ofPort.get(port);
    if (replies === undefined) this.#ofPort.set(port, [reply]);
    else replies.push(reply);
  }

  send(): void {
    for (const [port, replies] of this.#ofPort) port.postMessage(replies);
  }
}

function open(): StateDatabase | null {
  try {
    const database = new StateDatabase(stateFile);
    replyToOpening({ call: 0, answer: null });
    return database;
  } catch (error) {
    replyToOpening({ call: 0, error: textOf(error) });
    return null;
  }
}

function replyToOpening(reply: StateReply): void {
  const replies = new Replies();
  replies.add(main, reply);
  replies.send();
}

function runGroup(database: StateDatabase, calls: readonly Call[], replies: Replies): void {
  try {
    const answers = database.runAll(
      calls.map(({ request }) => request),
      Date.now(),
    );
    calls.forEach(({ call, from }, i) => replies.add(from, { call, answer: answers[i]! }));
  } catch (error) {
    // What fails alone must not fail what came with it, such as a read on a full disk.
    if (calls.length > 1) for (const call of calls) runGroup(database, [call], replies);
    else for (const { call, from } of calls) replies.add(from, { call, error: textOf(error) });
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Serves a port; what comes in by it is added to the group under way. */
function serve(database: StateDatabase, port: MessagePort): void {
  ports.add(port);
  port.on('close', () => ports.delete(port));
  port.on('message', (message: readonly StateCall[] | StateConnect) => {
    const calls = take(database, message, port);
    for (const other of ports) {
      while (calls.length < MAX_GROUP) {
        const next = receiveMessageOnPort(other);
        if (next === undefined) break;
        calls.push(...take(database, next.message as readonly StateCall[] | StateConnect, other));
      }
    }
    const isClosing = calls.some(({ request }) => request.kind === 'close');
    if (calls.length > 0) {
      const replies = new Replies();
      runGroup(database, calls, replies);
      replies.send();
    }
    if (isClosing) end(database);
  });
}

function take(database: StateDatabase, message: readonly StateCall[] | StateConnect, from: MessagePort): Call[] {
  if (!('connect' in message)) return message.map((call) => ({ ...call, from }));
  serve(database, message.connect);
  return [];
}

function end(database: StateDatabase): void {
  clearInterval(purging);
  database.close();
  for (const port of ports) port.close();
}

function purge(database: StateDatabase): void {
  try {
    database.purge(Date.now());
  } catch {
    // Only saves room; a disk that fails shows at the next write.
  }
}

const database = open();
const purging = database === null ? undefined : setInterval(() => purge(database), PURGE_INTERVAL_MS);
if (database !== null) serve(database, main);
