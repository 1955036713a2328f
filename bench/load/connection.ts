import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { readAnswer, type ReadAnswer } from './wire.ts';

export interface ConnectionEvents {
  readonly onAnswer: (connection: Connection, answer: ReadAnswer) => void;
  /** The peer closed or broke the connection, or its answer could not be read. */
  readonly onEnd: (connection: Connection, error: Error | null) => void;
}

/** A keep-alive connection that carries one request at a time, with as little work around it as Node allows. */
export class Connection {
  private readonly socket: Socket;
  private readonly events: ConnectionEvents;
  private received: Buffer[] = [];

  private constructor(socket: Socket, events: ConnectionEvents) {
    this.socket = socket;
    this.events = events;
    socket.on('data', (chunk: Buffer) => this.take(chunk));
    socket.on('error', (error) => events.onEnd(this, error));
    socket.on('end', () => events.onEnd(this, null));
  }

  static async open(port: number, events: ConnectionEvents): Promise<Connection> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return new Connection(socket, events);
  }

  send(request: Buffer): void {
    this.socket.write(request);
  }

  close(): void {
    this.socket.destroy();
  }

  private take(chunk: Buffer): void {
    this.received.push(chunk);
    try {
      const answer = readAnswer(this.received.length === 1 ? chunk : Buffer.concat(this.received));
      if (answer === null) return;
      this.received = [];
      this.events.onAnswer(this, answer);
    } catch (error) {
      this.close();
      this.events.onEnd(this, error instanceof Error ? error : new Error(String(error)));
    }
  }
}
