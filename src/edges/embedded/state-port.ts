import type { MessagePort } from 'node:worker_threads';
import { StateCalls, writeFailure } from './state-calls.ts';
import type { StateCall, StateReply } from './state-messages.ts';

/** The state of one file from another thread than the one that opened it, by a port of its own to the writer. */
export class PortState extends StateCalls {
  #port: MessagePort | null = null;
  #isHealthy = true;
  #isClosed = false;

  /** null: the writer is away; a port comes by `use`. */
  constructor(port: MessagePort | null) {
    super();
    if (port !== null) this.use(port);
  }

  /** The writer was started anew, and this is the way to it. */
  use(port: MessagePort): void {
    if (this.#isClosed) return port.close();
    this.#port?.close();
    this.#port = port;
    port.on('message', (replies: readonly StateReply[]) => {
      for (const reply of replies) {
        this.#isHealthy = !('error' in reply);
        this.settle(reply, writeFailure);
      }
    });
    port.on('close', () => {
      if (this.#port !== port) return;
      this.#port = null;
      this.#isHealthy = this.#isClosed;
      this.failAll('The state thread ended.');
    });
  }

  isHealthy(): boolean {
    return this.#isHealthy && this.#port !== null && !this.#isClosed;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#port?.close();
  }

  protected override post(calls: readonly StateCall[]): string | null {
    if (this.#isClosed) return 'The state is closed.';
    if (this.#port === null) return 'The state file is not open.';
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- A thread, not a window.
    this.#port.postMessage(calls);
    return null;
  }
}
