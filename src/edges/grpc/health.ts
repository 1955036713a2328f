import type { Buffer } from 'node:buffer';

import { grpcStatus } from '../../protocol/grpc/status.ts';
import { readStringField } from '../../protocol/grpc/string-field.ts';
import { VARINT, WireWriter } from '../../protocol/grpc/wire.ts';
import { type OwnAnswer, type OwnCall, type OwnMethod, type OwnMethods, type OwnStream, unary } from './own-methods.ts';

const SERVING = 1;
const NOT_SERVING = 2;
const SERVICE_UNKNOWN = 3;

/** `grpc.health.v1.Health` (https://github.com/grpc/grpc/blob/master/doc/health-checking.md). */
export class Health {
  readonly methods: OwnMethods;
  readonly #isReady: () => boolean;
  readonly #services: ReadonlySet<string>;
  readonly #watches = new Set<Watch>();

  /** `services`: the full names of what is served. */
  constructor(isReady: () => boolean, services: Iterable<string>) {
    this.#isReady = isReady;
    this.#services = new Set(['', ...services]);
    const watch: OwnMethod = { kind: 'stream', mayBeSilent: true, open: (call) => this.#watch(call) };
    this.methods = new Map([
      ['/grpc.health.v1.Health/Check', unary((message) => this.#check(message))],
      ['/grpc.health.v1.Health/Watch', watch],
    ]);
  }

  /** Tells those who watch how things are now. */
  changed(): void {
    for (const watch of this.#watches) watch.tell();
  }

  /** Ends the watches: their connections are about to close. */
  close(): void {
    this.changed();
    for (const watch of this.#watches) watch.close();
  }

  statusOf(service: string): number {
    if (!this.#services.has(service)) return SERVICE_UNKNOWN;
    return this.#isReady() ? SERVING : NOT_SERVING;
  }

  #check(message: Buffer): OwnAnswer {
    const status = this.statusOf(readStringField(message, 1));
    if (status === SERVICE_UNKNOWN)
      return {
        ok: false,
        code: 'PATH_NOT_FOUND',
        status: grpcStatus.NOT_FOUND,
        text: 'This gateway does not serve that.',
      };
    return { ok: true, message: response(status) };
  }

  #watch(call: OwnCall): OwnStream {
    const watch = new Watch(call, this, () => this.#watches.delete(watch));
    this.#watches.add(watch);
    return watch;
  }
}

/** One client that watches. What is not known stays watched: it may be served by the next release. */
class Watch implements OwnStream {
  readonly #call: OwnCall;
  readonly #health: Health;
  readonly onClose: () => void;
  #service: string | null = null;
  #told = 0;

  constructor(call: OwnCall, health: Health, onClose: () => void) {
    this.#call = call;
    this.#health = health;
    this.onClose = onClose;
  }

  onMessage(message: Buffer): void {
    this.#service ??= readStringField(message, 1);
    this.tell();
  }

  onEnd(): void {}

  tell(): void {
    if (this.#service === null) return;
    const status = this.#health.statusOf(this.#service);
    if (status === this.#told) return;
    this.#told = status;
    this.#call.send(response(status));
  }

  close(): void {
    this.#call.end(grpcStatus.UNAVAILABLE, 'The gateway is shutting down; watch another replica.');
  }
}

/** HealthCheckResponse{status = 1}. */
function response(status: number): Buffer {
  const writer = new WireWriter(2);
  writer.tag(1, VARINT);
  writer.varint(status);
  return writer.finish();
}
