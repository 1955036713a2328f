import type { AnswerReceiver, UpstreamCall, UpstreamRequest } from '../../gateway/ports.ts';

/** What carries a call at the moment: a connection, or the line of those that wait for one. */
export interface Carrier {
  /** The call is given up; its receiver hears nothing more. */
  abandon(call: SocketCall): void;
  resume(): void;
}

/**
 * One request and who receives its answer. What ends a call takes its carrier away: to give it up once more, later, does
 * nothing, above all not to the next call on that connection.
 */
export class SocketCall implements UpstreamCall {
  readonly request: UpstreamRequest;
  readonly receiver: AnswerReceiver;
  carrier: Carrier | null = null;
  /** Neighbours in the line. */
  previous: SocketCall | null = null;
  next: SocketCall | null = null;

  constructor(request: UpstreamRequest, receiver: AnswerReceiver) {
    this.request = request;
    this.receiver = receiver;
  }

  abort(): void {
    const { carrier } = this;
    this.carrier = null;
    carrier?.abandon(this);
  }

  resume(): void {
    this.carrier?.resume();
  }
}
