import type { Buffer } from 'node:buffer';

import type { ErrorCode } from '../../core/errors.ts';

/** What Makas itself answers to one message. */
export type OwnAnswer = { readonly ok: true; readonly message: Buffer } | OwnFailure;

export interface OwnFailure {
  readonly ok: false;
  readonly code: ErrorCode;
  /** Status code of gRPC. */
  readonly status: number;
  readonly text: string;
}

/** The way back to the client of a stream. */
export interface OwnCall {
  send(message: Buffer): void;
  end(status: number, text: string): void;
}

/** A stream under way that Makas itself answers. */
export interface OwnStream {
  onMessage(message: Buffer): void;
  /** The client has half-closed. */
  onEnd(): void;
  /** The call is over. */
  onClose(): void;
}

export type OwnMethod =
  | { readonly kind: 'unary'; answer(message: Buffer): OwnAnswer }
  | {
      readonly kind: 'stream';
      /** Whether a client that has sent a message may be silent for as long as its connection lasts. */
      readonly mayBeSilent: boolean;
      open(call: OwnCall): OwnStream;
    };

/** The methods that Makas itself answers, by their paths. */
export type OwnMethods = ReadonlyMap<string, OwnMethod>;

export function unary(answer: (message: Buffer) => OwnAnswer): OwnMethod {
  return { kind: 'unary', answer };
}
