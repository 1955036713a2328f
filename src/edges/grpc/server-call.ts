import type { Buffer } from 'node:buffer';

import { type ErrorCode, errorRegistry, GatewayError } from '../../core/errors.ts';
import { Timed } from '../../gateway/deadlines.ts';
import { type Exchange, isBodyFree } from '../../gateway/exchange.ts';
import type { Gateway, RequestHead } from '../../gateway/gateway.ts';
import { requestIdOf } from '../../gateway/request-id.ts';
import { errorAnswer } from '../../protocol/error-answer.ts';
import { frameMessage } from '../../protocol/grpc/frame.ts';
import { checkInferRequest } from '../../protocol/grpc/infer-request.ts';
import { type GrpcMethod, readGrpcPath } from '../../protocol/grpc/methods.ts';
import { grpcMessage, grpcStatus, readGrpcTimeout } from '../../protocol/grpc/status.ts';
import { findHeader } from '../../protocol/header-block.ts';
import { CallBody } from './call-body.ts';
import { fitsInto, requestHead, withModel } from './call-head.ts';
import { type Inflate, readMessage } from './compressed-message.ts';
import { GrpcReply } from './grpc-reply.ts';
import { MessageBuffer } from './message-buffer.ts';
import type { OwnCall, OwnMethod, OwnMethods, OwnStream } from './own-methods.ts';
import { refusalOf, type Refusal } from './refusals.ts';
import type { ServerStream, ServerStreamListener, StreamHead } from './server-stream.ts';

/** What all calls of a front share. */
export interface CallSetting {
  readonly gateway: Gateway;
  /** User services that pass through. */
  readonly services: ReadonlySet<string>;
  readonly own: OwnMethods;
  /** For the whole of a message that decides where its call goes. */
  readonly requestMs: number;
  readonly inflate: Inflate;
  readonly maxHeaderBytes: number;
  /** Whether nothing that sends requests on looks at a message once its answer is complete. */
  readonly isMessageFree: boolean;
}

/** Messages for Makas itself are small. */
const OWN_MESSAGE_MAX = 64 * 1024;

/**
 * One call: collects the message that decides where it goes, opens an exchange with it, and lets what follows flow. It
 * knows HTTP/2 only as a stream of bytes with a head.
 */
export class ServerCall extends Timed implements ServerStreamListener, OwnCall {
  readonly #setting: CallSetting;
  readonly #stream: ServerStream;
  readonly #head: StreamHead;
  readonly #reply: GrpcReply;
  readonly #startMs: number;
  #messages: MessageBuffer | null = null;
  #method: GrpcMethod | null = null;
  #own: OwnMethod | null = null;
  #ownStream: OwnStream | null = null;
  #exchange: Exchange | null = null;
  /** The message of the exchange, when its memory may be used again. */
  #message: MessageBuffer | null = null;
  #body: CallBody | null = null;
  #hasEnded = false;
  /** Answered by the call itself, or gone: what still comes is thrown away. */
  #isOver = false;
  #isHeadSent = false;

  constructor(setting: CallSetting, stream: ServerStream, head: StreamHead) {
    super();
    this.#setting = setting;
    this.#stream = stream;
    this.#head = head;
    this.#reply = new GrpcReply(stream);
    this.#startMs = setting.gateway.clock.steady();
  }

  /** To be called once, before the stream says anything. `isEnded`: there is no message. */
  begin(isEnded: boolean): void {
    const { gateway, services, own, requestMs, maxHeaderBytes } = this.#setting;
    const { method, path, block } = this.#head;
    if (method !== 'POST') return this.#refuseHttp(405, 'allow: POST\r\n');
    if (!isGrpcType(findHeader(block, 'content-type'))) return this.#refuseHttp(415, '');
    if (!fitsInto(block, maxHeaderBytes)) return this.#refuse(refusalOf('large-head'));
    this.#own = own.get(path) ?? null;
    if (this.#own === null) {
      this.#method = readGrpcPath(path, services);
      if (this.#method === null) return this.#refuse(refusalOf('unknown-method'));
    } else if (this.#own.kind === 'stream') this.#ownStream = this.#own.open(this);
    const timeout = findHeader(block, 'grpc-timeout');
    const timeoutMs = timeout === undefined ? Infinity : readGrpcTimeout(timeout);
    if (timeoutMs === null) return this.#refuse(refusalOf('bad-timeout'));
    if (this.#ownStream === null) gateway.deadlines.set(this, Math.min(timeoutMs, requestMs));
    this.#messages = new MessageBuffer(this.#own === null ? gateway.snapshot.limits.bodyBytes : OWN_MESSAGE_MAX);
    if (isEnded) this.onEnd();
    else if (this.#method?.place.kind === 'metadata' && this.#method.isStream) setImmediate(decide, this);
  }

  onData(bytes: Buffer, start: number, end: number): void {
    if (this.#isOver) return;
    for (let at = start; at < end;) {
      const messages = this.#messages;
      // The call may have been decided by what came before in the same piece.
      if (messages === null) return this.#body?.push(bytes.subarray(at, end));
      if (messages.isWhole) return this.#takeMore(bytes.subarray(at, end));
      at = messages.add(bytes, at, end);
      if (messages.problem !== null) return this.#refuse(refusalOf(messages.problem));
      if (messages.isWhole) this.#takeWhole(messages);
    }
  }

  /** A message is whole, of a call that is not decided yet. */
  #takeWhole(messages: MessageBuffer): void {
    if (this.#ownStream !== null) {
      const message = this.#readMessage(messages);
      messages.reset();
      if (message !== null) this.#ownStream.onMessage(message);
    } else if (this.#method?.isStream === true && this.#method.place.kind !== 'metadata') this.#flow();
  }

  /** Bytes behind the first message. */
  #takeMore(chunk: Buffer): void {
    if (this.#method?.isStream !== true) return this.#refuse(refusalOf('two-messages'));
    this.#flow();
    this.#body?.push(chunk);
  }

  onEnd(): void {
    if (this.#isOver) return;
    this.#hasEnded = true;
    if (this.#body !== null) return this.#body.end();
    const messages = this.#messages;
    if (messages === null) return;
    if (this.#ownStream !== null) {
      if (messages.isEmpty) this.#ownStream.onEnd();
      else this.#refuse(refusalOf('cut-short'));
    } else if (!messages.isWhole && !(messages.isEmpty && this.#method?.isStream === true))
      this.#refuse(refusalOf(messages.isEmpty ? 'no-message' : 'cut-short'));
    else if (this.#own?.kind === 'unary') this.#answerOwn(this.#own, messages);
    else if (messages.isWhole) this.#openWhole(messages);
    else this.#flow();
  }

  onDrain(): void {
    this.#reply.drained();
  }

  onClose(): void {
    const exchange = this.#exchange;
    const wasAnswered = this.#isOver || this.#reply.isComplete;
    if (exchange !== null && this.#reply.isComplete && isBodyFree(exchange)) this.#message?.release();
    this.#message = null;
    this.#stop();
    this.#ownStream?.onClose();
    this.#body?.break();
    if (exchange !== null && !wasAnswered) this.#setting.gateway.abandon(exchange);
  }

  /** The message was not complete in time. */
  expire(): void {
    this.#refuse(refusalOf('too-slow'));
  }

  /** Where the call goes must be known now: its message may never come, or be whole only with its end. */
  decide(): void {
    if (this.#isOver || this.#exchange !== null) return;
    this.#flow();
  }

  /** A whole call, of one message. */
  #openWhole(messages: MessageBuffer): void {
    const method = this.#method as GrpcMethod;
    const sent = this.#readMessage(messages);
    if (sent === null) return;
    const { gateway, isMessageFree } = this.#setting;
    const head = requestHead(this.#head, method, sent, messages.framed, this.#spentMs());
    if (typeof head === 'string') return this.#refuse(refusalOf(head));
    const message = withModel(method, this.#head.block, sent);
    const exchange = this.#open(head);
    if (isMessageFree && messages.isLong) this.#message = messages;
    exchange.body = message;
    exchange.facts.setBody(message);
    const isInfer = method.protocol === 'oip-grpc' && method.operation === 'infer';
    const problem = isInfer ? checkInferRequest(message) : null;
    if (problem === null) gateway.predict(exchange);
    else gateway.refuse(exchange, new GatewayError(problem.code, problem.message));
  }

  /** Opens a call whose messages flow; its first one is there, or it needs none. */
  #flow(): void {
    const messages = this.#messages as MessageBuffer;
    const method = this.#method as GrpcMethod;
    const first = messages.isWhole && method.place.kind !== 'metadata' ? this.#readMessage(messages) : null;
    if (this.#isOver) return;
    const head = requestHead(this.#head, method, first, null, this.#spentMs());
    if (typeof head === 'string') return this.#refuse(refusalOf(head));
    const body = new CallBody(this.#stream);
    this.#body = body;
    body.push(messages.framed);
    if (this.#hasEnded) body.end();
    const exchange = this.#open(head);
    exchange.body = body;
    exchange.facts.setBody(null);
    this.#setting.gateway.predict(exchange);
  }

  #open(head: RequestHead): Exchange {
    const { gateway } = this.#setting;
    gateway.deadlines.clear(this);
    this.#messages = null;
    return (this.#exchange = gateway.open(head, this.#reply));
  }

  #spentMs(): number {
    return this.#setting.gateway.clock.steady() - this.#startMs;
  }

  /** Without compression; null when it was refused. */
  #readMessage(messages: MessageBuffer): Buffer | null {
    const { inflate, gateway } = this.#setting;
    const encoding = messages.isCompressed ? findHeader(this.#head.block, 'grpc-encoding') : undefined;
    const message = readMessage(messages, encoding, inflate, gateway.snapshot.limits.bodyBytes);
    if (typeof message !== 'string') return message;
    this.#refuse(refusalOf(message));
    return null;
  }

  #answerOwn(own: Extract<OwnMethod, { kind: 'unary' }>, messages: MessageBuffer): void {
    const message = this.#readMessage(messages);
    if (message === null) return;
    const answer = own.answer(message);
    if (answer.ok) {
      this.send(answer.message);
      this.end(grpcStatus.OK, '');
    } else this.end(answer.status, answer.text);
  }

  send(message: Buffer): void {
    if (this.#isOver) return;
    if (!this.#isHeadSent) this.#reply.head(200, '');
    this.#isHeadSent = true;
    this.#reply.write(frameMessage(message));
  }

  end(status: number, text: string): void {
    if (this.#isOver) return;
    const block = `grpc-status: ${status}\r\n${text === '' ? '' : `grpc-message: ${grpcMessage(text)}\r\n`}`;
    this.#stop();
    if (this.#isHeadSent) this.#reply.end(block);
    else this.#reply.send(200, block, null);
  }

  /** An error before there is an exchange. */
  #refuse({ code, grpc, text, headers }: Refusal): void {
    if (this.#isOver) return;
    const { gateway } = this.#setting;
    gateway.countError(code);
    this.#stop();
    const { status, message: byDefault } = errorRegistry[code];
    const error = errorAnswer('oip-grpc', { status, grpc, code, message: text ?? byDefault });
    if (this.#isHeadSent) return this.#reply.end(error.headers);
    const requestId = requestIdOf(findHeader(this.#head.block, 'x-request-id'));
    const own = `makas-error: ${code}\r\nx-request-id: ${requestId}\r\n`;
    this.#reply.send(200, `${error.headers}${own}${headers ?? ''}`, null);
  }

  /** It is no call of gRPC at all, so its answer is not one either. */
  #refuseHttp(status: number, headers: string): void {
    const code: ErrorCode = status === 405 ? 'METHOD_NOT_ALLOWED' : 'BAD_REQUEST';
    this.#setting.gateway.countError(code);
    this.#stop();
    this.#stream.head(status, `makas-error: ${code}\r\n${headers}`, true);
  }

  #stop(): void {
    this.#isOver = true;
    this.#messages = null;
    this.#setting.gateway.deadlines.clear(this);
  }
}

function decide(call: ServerCall): void {
  call.decide();
}

/** `application/grpc` with any suffix and parameters; not `application/grpc-web`, which is another protocol. */
function isGrpcType(type: string | undefined): boolean {
  return type === 'application/grpc' || (type !== undefined && /^application\/grpc(?:[+;]|$)/i.test(type));
}
