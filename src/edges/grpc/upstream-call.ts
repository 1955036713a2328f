import { Buffer } from 'node:buffer';

import { type ErrorCode, GatewayError } from '../../core/errors.ts';
import type {
  AnswerHead,
  AnswerReceiver,
  BodyStream,
  Reach,
  UpstreamCall,
  UpstreamRequest,
} from '../../gateway/ports.ts';
import { readGrpcPath } from '../../protocol/grpc/methods.ts';
import { grpcStatus, resetToGrpc } from '../../protocol/grpc/status.ts';
import type { HeaderBlock } from '../../protocol/header-block.ts';
import type { AnswerFieldReader } from './answer-fields.ts';
import type { ClientStream, ClientStreamListener, Session, StreamLoss } from '../http2/client-side.ts';
import { answerFor } from './foreign-answer.ts';
import { MessageMeter } from './message-meter.ts';
import { streamError } from '../http2/server-side.ts';

/** Where calls wait until there is a session for them; they go to one endpoint. */
export interface CallPool {
  readonly heads: AnswerFieldReader;
  readonly trailers: AnswerFieldReader;
  /** One does not wait any more. */
  leave(call: GrpcUpstreamCall): void;
}

const NOTHING = Buffer.alloc(0);
/**
 * Up to this length the answer of a method with one message is held until it is complete, and that of any other for the
 * rest of a turn: small ones then leave as a whole.
 */
const HOLD_MAX = 64 * 1024;
const noServices: ReadonlySet<string> = new Set();
/** Says that trailers are understood, as gRPC demands. */
const TE = 'te: trailers\r\n';

/** One call at an endpoint: what the gateway sends becomes a stream, and the stream an answer of gRPC, or an error. */
export class GrpcUpstreamCall implements UpstreamCall, ClientStreamListener {
  readonly request: UpstreamRequest;
  readonly #receiver: AnswerReceiver;
  readonly #pool: CallPool;
  readonly #meter: MessageMeter;
  /** Whether there is one message in either direction. */
  readonly #isUnary: boolean;
  #stream: ClientStream | null = null;
  #isOver = false;
  /** Not told yet. */
  #head: AnswerHead | null = null;
  /** Whether that says the status already. */
  #headStatus: string | null = null;
  #held: Buffer[] | null = null;
  #heldBytes = 0;
  #hasHead = false;
  #isPaused = false;
  #onDrain: (() => void) | null = null;
  /** Of a stream: something of it was read, which cannot be read again. */
  #wasRead = false;

  /** `maxMessageBytes`: longest message of an answer. */
  constructor(request: UpstreamRequest, receiver: AnswerReceiver, pool: CallPool, maxMessageBytes: number) {
    this.request = request;
    this.#receiver = receiver;
    this.#pool = pool;
    this.#meter = new MessageMeter(maxMessageBytes);
    this.#isUnary = readGrpcPath(request.path, noServices)?.isStream === false;
  }

  /** Of the request, as far as it is known. */
  get bodyBytes(): number {
    const { body } = this.request;
    return body instanceof Uint8Array ? body.length : (body?.length ?? 0);
  }

  /** Begins on a session that has room. */
  begin(session: Session): void {
    const { path, headers, body } = this.request;
    const streamed = body !== null && 'kind' in body ? body : null;
    const whole = body === null ? NOTHING : 'kind' in body ? null : body;
    const stream = session.begin(path, headers + TE, whole, this);
    // The stream may have been refused by then.
    if (this.#isOver) return;
    this.#stream = stream;
    if (streamed !== null) void this.#pump(stream, streamed);
  }

  /** There is no session for it. */
  refuse(code: ErrorCode, internal: string): void {
    this.#fail(code, internal, 'unsent');
  }

  abort(): void {
    if (this.#isOver) return;
    this.#stop();
    if (this.#stream === null) this.#pool.leave(this);
    else this.#stream.reset(streamError.CANCEL);
  }

  resume(): void {
    if (this.#isOver || !this.#isPaused) return;
    this.#isPaused = false;
    this.#stream?.resume();
  }

  async #pump(stream: ClientStream, body: BodyStream): Promise<void> {
    try {
      for await (const chunk of body.source) {
        if (this.#isOver) return;
        this.#wasRead = true;
        if (stream.data(chunk)) continue;
        await new Promise<void>((resolve) => (this.#onDrain = resolve));
      }
      if (!this.#isOver) stream.end();
    } catch (error) {
      if (this.#isOver) return;
      stream.reset(streamError.CANCEL);
      const known = error instanceof GatewayError ? error : new GatewayError('BAD_REQUEST', undefined, String(error));
      this.#stop();
      this.#receiver.onError(known, 'sent');
    }
  }

  onDrain(): void {
    const resume = this.#onDrain;
    this.#onDrain = null;
    resume?.();
  }

  onHead(status: number, headers: HeaderBlock, isLast: boolean): void {
    if (this.#isOver) return;
    this.#hasHead = true;
    const fields = this.#pool.heads.read(headers);
    const hasStatus = fields.status !== null;
    if (status !== 200 && !hasStatus) {
      this.#stop();
      if (!isLast) this.#stream?.reset(streamError.CANCEL);
      return this.#receiver.onWhole({ status: 200, headers: answerFor(status), length: 0 }, NOTHING, '');
    }
    if (!fields.isGrpc && !(isLast && hasStatus)) return this.#failAnswer('the answer is not of gRPC');
    if (!isLast) {
      this.#head = { status: 200, headers: fields.crossing, length: -1 };
      this.#headStatus = fields.status;
      return;
    }
    if (!hasStatus) return this.#failAnswer('the answer has no grpc-status');
    this.#stop();
    this.#receiver.onWhole({ status: 200, headers: fields.crossing, length: 0 }, NOTHING, '');
  }

  onData(chunk: Buffer): void {
    if (this.#isOver) return;
    if (!this.#hasHead) return this.#failAnswer('a body before its head');
    const problem = this.#meter.take(chunk);
    if (problem !== null) return this.#failAnswer(problem === 'too-large' ? TOO_LARGE : 'not a message', problem);
    if (this.#head === null) return this.#tell(chunk);
    if (this.#heldBytes === 0 && !this.#isUnary) setImmediate(flush, this);
    const copy = Buffer.from(chunk);
    if (this.#held === null) this.#held = [copy];
    else this.#held.push(copy);
    this.#heldBytes += chunk.length;
    if (this.#heldBytes > HOLD_MAX) this.flush();
  }

  onEnd(trailers: HeaderBlock): void {
    if (this.#isOver) return;
    const fields = this.#pool.trailers.read(trailers);
    // An answer that is all head may be ended by a frame of its own.
    const status = fields.status ?? (this.#head !== null && this.#heldBytes === 0 ? this.#headStatus : null);
    if (status === null) return this.#failAnswer('the answer has no grpc-status');
    if (status === '0' && !this.#meter.isAtEnd) return this.#failAnswer('the last message is cut short');
    const head = this.#head;
    const held = this.#held;
    this.#stop();
    if (head === null) this.#receiver.onEnd(fields.crossing);
    else this.#receiver.onWhole(head, joined(held), fields.crossing);
  }

  onLoss({ code, isUntouched, isStale, text }: StreamLoss): void {
    if (this.#isOver) return;
    // A stream that ends without an error ends too early.
    if (code === streamError.NO_ERROR) return this.#fail('UPSTREAM_BAD_RESPONSE', text, 'sent');
    const reach: Reach = this.#wasRead || this.#hasHead ? 'sent' : isUntouched ? 'unsent' : isStale ? 'stale' : 'sent';
    const reason = code === streamError.ENHANCE_YOUR_CALM ? 'UPSTREAM_OVERLOADED' : 'UPSTREAM_RESET';
    const grpc = code === null || isUntouched ? grpcStatus.UNAVAILABLE : resetToGrpc(code);
    this.#stop();
    this.#receiver.onError(new GatewayError(reason, undefined, text, grpc), reach);
  }

  /** The turn is over, and the answer not complete: passes on what there is of it. */
  flush(): void {
    const head = this.#head;
    if (this.#isOver || head === null) return;
    this.#head = null;
    const held = this.#held ?? [];
    this.#held = null;
    this.#receiver.onHead(head);
    for (const chunk of held) {
      // The receiver may have stopped it.
      if (!this.#isOver) this.#tell(chunk);
    }
  }

  #tell(chunk: Buffer): void {
    if (this.#receiver.onData(chunk) || this.#isOver || this.#isPaused) return;
    this.#isPaused = true;
    this.#stream?.pause();
  }

  #failAnswer(internal: string, problem: string = ''): void {
    this.#stream?.reset(streamError.CANCEL);
    this.#fail('UPSTREAM_BAD_RESPONSE', internal, 'sent', problem === 'too-large' ? TOO_LARGE : undefined);
  }

  #fail(code: ErrorCode, internal: string, reach: Reach, detail?: string): void {
    this.#stop();
    this.#receiver.onError(new GatewayError(code, detail, internal), reach);
  }

  #stop(): void {
    this.#isOver = true;
    this.#held = null;
    this.onDrain();
  }
}

const TOO_LARGE = 'The answer of the model is larger than this gateway passes on.';

function flush(call: GrpcUpstreamCall): void {
  call.flush();
}

function joined(chunks: readonly Buffer[] | null): Buffer {
  if (chunks === null) return NOTHING;
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
}
