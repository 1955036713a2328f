import type { Buffer } from 'node:buffer';

import type { HeaderBlock } from '../protocol/header-block.ts';
import type { Exchange } from './exchange.ts';
import type { AnswerHead, Clock } from './ports.ts';
import type { WholeAnswer } from './shadow-answer.ts';
import type { ShadowCopy } from './shadow-copy.ts';

export interface TicketPorts {
  readonly exchange: Exchange;
  readonly clock: Clock;
  /** Does the work in a later turn of the event loop, and survives its failure. */
  later(work: () => void): void;
  isDraining(): boolean;
}

/** What the exchange holds of its copies: it tells them how the primary ended, once. */
export class MirrorTicket {
  /** How many bytes of the primary's answer to keep for comparison; 0: none. */
  readonly keepBytes: number;
  readonly #copies: readonly ShadowCopy[];
  #ports: TicketPorts | null;

  /** Without ports it has no copies, and does nothing. */
  constructor(copies: readonly ShadowCopy[], ports: TicketPorts | null) {
    this.#copies = copies;
    this.#ports = ports;
    this.keepBytes = 0;
    for (const { shadow } of copies) {
      if (shadow.compare !== null) this.keepBytes = Math.max(this.keepBytes, shadow.maxBodyBytes);
    }
  }

  /** Sends the copies that do not wait for the answer; not before the request to the primary, which is sent in this turn. */
  startImmediate(): void {
    const copies = this.#copies.filter(({ shadow }) => shadow.start === 'immediate');
    if (copies.length === 0) return;
    this.#ports?.later(() => {
      for (const copy of copies) if (copy.isHeld) copy.start();
    });
  }

  /** The primary has answered whole; `body` null: longer than `keepBytes`. */
  finish({ status, headers }: AnswerHead, body: Buffer | null, trailers: HeaderBlock): void {
    const ports = this.#take();
    if (ports === null) return;
    const { exchange, clock } = ports;
    const attempt = exchange.record.attempts.at(-1);
    const durationMs =
      attempt === undefined ? 0 : (attempt.endMs === 0 ? clock.steady() : attempt.endMs) - attempt.startMs;
    const primary: WholeAnswer = { status, headers, body, trailers, durationMs };
    const isTooLate = ports.isDraining();
    ports.later(() => {
      for (const copy of this.#copies) {
        if (isTooLate && copy.isHeld) copy.drop('draining');
        else copy.primaryEnded(primary);
      }
    });
  }

  /** The primary failed, or the client left. */
  cancel(): void {
    this.#take()?.later(() => {
      for (const copy of this.#copies) copy.primaryEnded(null);
    });
  }

  #take(): TicketPorts | null {
    const ports = this.#ports;
    this.#ports = null;
    return ports;
  }
}
