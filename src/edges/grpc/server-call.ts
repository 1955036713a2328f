import type { Buffer } from 'node:buffer';

import { type ErrorCode, errorRegistry, GatewayError } from '../../core/errors.ts';
import { Timed } from '../../gateway/deadlines.ts';
import { type Exchange, isBodyFree } from '../../gateway/exchange.ts';
import type { Gateway, RequestHead } from '../../gateway/gateway.ts';
import { namingFields } from '../../gateway/seldon-puid.ts';
import { errorAnswer } from '../../protocol/error-answer.ts';
import { frameMessage } from '../../protocol/grpc/frame.ts';
import { checkInferRequest } from '../../protocol/grpc/infer-request.ts';
import { type GrpcMethod, readGrpcPath } from '../../protocol/grpc/methods.ts';
import { grpcMessage, grpcStatus, readGrpcTimeout } from '../../protocol/grpc/status.ts';
import { findHeader, type HeaderBlock } from '../../protocol/header-block.ts';
import { CallBody } from './call-body.ts';
import { fitsInto, namesModel, requestHead, withModel } from './call-head.ts';
import { type Inflate, readMessage } from './compressed-message.ts';
import { type RewardTaker, takeFeedback } from './feedback.ts';
import { GrpcReply } from './grpc-reply.ts';
import { inferMessages, inferProblem, type InferStreamSettings } from './infer-messages.ts';
import { MessageBuffer } from './message-buffer.ts';
import { OWN_MESSAGE_MAX, OwnMessages, type OwnMessagesListener } from './own-messages.ts';
import type { OwnAnswer, OwnCall, OwnMethod, OwnMethods, OwnStream } from './own-methods.ts';
import { refusalOf, type Refusal } from './refusals.ts';
import type { ServerStream, ServerStreamListener, StreamHead } from '../http2/server-side.ts';

/** What all calls of a front share. */
export interface CallSetting {
  readonly gateway: Gateway;
  /** Takes the feedback of Seldon's clients that is about decisions of Makas. */
  readonly desk: RewardTaker;
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

/**
 * One call: collects the message that decides where it goes, opens an exchange with it, and lets what follows flow. It
 * knows HTTP/2 only as a stream of bytes with a head.
 */
export class ServerCall extends Timed implements ServerStreamListener, OwnCall, OwnMessagesListener {
  readonly #setting: CallSetting;
  readonly #stream: ServerStream;
  readonly #head: StreamHead;
  readonly #reply: GrpcReply;
  readonly #startMs: number;
  #messages: MessageBuffer | null = null;
  #method: GrpcMethod | null = null;
  #own: OwnMethod | null = null;
  #ownStream: OwnStream | null = null;
  #ownMessages: OwnMessages | null = null;
  /** When the client stops waiting, steady milliseconds. */
  #clientEndMs = Infinity;
  #exchange: Exchange | null = null;
  /** The message of the exchange, when its memory may be used again. */
  #message: MessageBuffer | null = null;
  #body: CallBody | null = null;
  #hasEnded = false;
  /** Answered by the call itself, or gone: what still comes is thrown away. */
  #isOver = false;
  #isHeadSent = false;
  /** Metadata of the call's own answer. */
  #ownFields = '';

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
    const { services, own, requestMs, maxHeaderBytes } = this.#setting;
    const { method, path, block } = this.#head;
    if (method !== 'POST') return this.#refuseHttp(405, 'allow: POST\r\n');
    if (!isGrpcType(findHeader(block, 'content-type'))) return this.#refuseHttp(415, '');
    if (!fitsInto(block, maxHeaderBytes)) return this.#refuse(refusalOf('large-head'));
    this.#own = own.get(path) ?? null;
    if (this.#own === null) {
      this.#method = readGrpcPath(path, services);
      if (this.#method === null) return this.#refuse(refusalOf('unknown-method'));
    } else if (this.#own.kind === 'stream') {
      this.#ownStream = this.#own.open(this);
      this.#ownMessages = new OwnMessages(this.#stream, this);
    }
    const timeout = findHeader(block, 'grpc-timeout');
    const timeoutMs = timeout === undefined ? Infinity : readGrpcTimeout(timeout);
    if (timeoutMs === null) return this.#refuse(refusalOf('bad-timeout'));
    this.#clientEndMs = this.#startMs + timeoutMs;
    this.#wait(requestMs);
    if (this.#ownMessages === null) this.#messages = new MessageBuffer(this.#longestMessage());
    if (isEnded) this.onEnd();
    else if (this.#method?.place.kind === 'metadata' && this.#method.isStream) setImmediate(decide, this);
  }

  onData(bytes: Buffer, start: number, end: number): void {
    if (this.#isOver) return;
    if (this.#ownMessages !== null) return this.#ownMessages.push(bytes, start, end);
    for (let at = start; at < end;) {
      const messages = this.#messages;
      // The call may have been decided by what came before in the same piece.
      if (messages === null) return this.#body?.push(bytes.subarray(at, end));
      if (messages.isWhole) return this.#takeMore(bytes.subarray(at, end));
      at = messages.add(bytes, at, end);
      if (messages.problem !== null) return this.#refuse(refusalOf(messages.problem));
      const method = this.#method;
      if (messages.isWhole && method?.isStream === true && method.place.kind !== 'metadata') this.#flow();
    }
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
    if (this.#ownMessages !== null) return this.#ownMessages.end();
    if (this.#body !== null) return this.#body.end();
    const messages = this.#messages;
    if (messages === null) return;
    if (!messages.isWhole && !(messages.isEmpty && this.#method?.isStream === true))
      this.#refuse(refusalOf(messages.isEmpty ? 'no-message' : 'cut-short'));
    else if (this.#own?.kind === 'unary') this.#answerOwn(this.#own, messages);
    else if (messages.isWhole) this.#openWhole(messages);
    else this.#flow();
  }

  /** A message of a stream that Makas itself answers. */
  onMessage(messages: MessageBuffer): void {
    const message = this.#readMessage(messages);
    if (message === null) return;
    const { gateway, requestMs } = this.#setting;
    gateway.deadlines.clear(this);
    this.#wait(this.#own?.kind === 'stream' && this.#own.mayBeSilent ? Infinity : requestMs);
    this.#ownStream?.onMessage(message);
  }

  onMessagesEnd(problem: Parameters<OwnMessagesListener['onMessagesEnd']>[0]): void {
    if (problem === null) this.#ownStream?.onEnd();
    else this.#refuse(refusalOf(problem));
  }

  onDrain(): void {
    this.#reply.drained();
    if (!this.#isOver) this.#ownMessages?.resume();
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

  /** The message was not complete in time, or none came on a stream that Makas itself answers. */
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
    if (method.protocol === 'seldon-v1-grpc' && method.operation === 'feedback' && this.#takeFeedback(sent)) return;
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
    const { gateway } = this.#setting;
    const body = new CallBody(this.#stream, this.#longestMessage());
    this.#body = body;
    body.push(first !== null && messages.isCompressed ? frameMessage(first) : messages.framed);
    if (this.#hasEnded) body.end();
    const exchange = this.#open(head);
    if (method.operation !== 'infer-stream') {
      exchange.body = body;
      return gateway.predict(exchange);
    }
    const settings = this.#inferSettings(method, head);
    exchange.body = inferMessages(body, settings);
    if (first === null) return gateway.predict(exchange);
    // Rules look at the first message.
    exchange.facts.setBody(first);
    const problem = inferProblem(first, settings);
    if (problem === null) gateway.predict(exchange);
    else gateway.refuse(exchange, problem);
  }

  #inferSettings(method: GrpcMethod, { meaning }: RequestHead): InferStreamSettings {
    const { block } = this.#head;
    const { model, version } = meaning;
    const isModelForced = namesModel(method, block);
    const encoding = findHeader(block, 'grpc-encoding');
    return {
      model,
      version,
      isModelForced,
      encoding,
      inflate: this.#setting.inflate,
      maxBytes: this.#longestMessage(),
    };
  }

  #open(head: RequestHead): Exchange {
    const { gateway } = this.#setting;
    gateway.deadlines.clear(this);
    this.#messages = null;
    return (this.#exchange = gateway.open(head, this.#reply));
  }

  /** No longer than this, nor than the client waits. */
  #wait(mostMs: number): void {
    const { deadlines, clock } = this.#setting.gateway;
    const leftMs = Math.min(mostMs, this.#clientEndMs - clock.steady());
    if (leftMs !== Infinity) deadlines.set(this, leftMs);
  }

  #spentMs(): number {
    return this.#setting.gateway.clock.steady() - this.#startMs;
  }

  /** Without compression; null when it was refused. */
  #readMessage(messages: MessageBuffer): Buffer | null {
    const encoding = messages.isCompressed ? findHeader(this.#head.block, 'grpc-encoding') : undefined;
    const message = readMessage(messages, encoding, this.#setting.inflate, this.#longestMessage());
    if (typeof message !== 'string') return message;
    this.#refuse(refusalOf(message));
    return null;
  }

  #longestMessage(): number {
    return this.#own === null ? this.#setting.gateway.snapshot.limits.bodyBytes : OWN_MESSAGE_MAX;
  }

  #answerOwn(own: Extract<OwnMethod, { kind: 'unary' }>, messages: MessageBuffer): void {
    const message = this.#readMessage(messages);
    if (message === null) return;
    this.#answer(own.answer(message));
  }

  /** False: it is not about a decision of Makas, and goes on to the deployment. */
  #takeFeedback(message: Buffer): boolean {
    const { desk, gateway } = this.#setting;
    const taken = takeFeedback(desk, message, findHeader(this.#head.block, 'makas-decision'));
    if (taken === 'foreign') return false;
    if (taken === 'malformed') this.#refuse(refusalOf('bad-feedback'));
    else {
      // All of it came in time.
      gateway.deadlines.clear(this);
      this.#messages = null;
      this.#ownFields = this.#namingFields();
      void taken.then((answer) => this.#answer(answer));
    }
    return true;
  }

  #namingFields(): HeaderBlock {
    const { block } = this.#head;
    return namingFields(this.#method?.protocol ?? 'oip-grpc', { get: (name) => findHeader(block, name) });
  }

  #answer(answer: OwnAnswer): void {
    if (answer.ok) {
      this.send(answer.message);
      this.end(grpcStatus.OK, '');
    } else {
      this.#ownFields += `makas-error: ${answer.code}\r\n`;
      this.end(answer.status, answer.text);
    }
  }

  send(message: Buffer): void {
    if (this.#isOver) return;
    if (!this.#isHeadSent) this.#reply.head(200, this.#ownFields);
    this.#isHeadSent = true;
    if (!this.#reply.write(frameMessage(message))) this.#ownMessages?.hold();
  }

  end(status: number, text: string): void {
    if (this.#isOver) return;
    const block = `grpc-status: ${status}\r\n${text === '' ? '' : `grpc-message: ${grpcMessage(text)}\r\n`}`;
    this.#stop();
    if (this.#isHeadSent) this.#reply.end(block);
    else this.#reply.send(200, this.#ownFields + block, null);
  }

  /** An error before there is an exchange. */
  #refuse({ code, grpc, text, headers }: Refusal): void {
    if (this.#isOver) return;
    const { gateway } = this.#setting;
    gateway.countError(code);
    this.#stop();
    const { status, message: byDefault } = errorRegistry[code];
    const error = errorAnswer('oip-grpc', { status, grpc, code, message: text ?? byDefault });
    if (this.#isHeadSent) return this.#reply.end(`${error.headers}makas-error: ${code}\r\n`);
    const own = `makas-error: ${code}\r\n${this.#namingFields()}`;
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
    this.#ownMessages?.stop();
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
