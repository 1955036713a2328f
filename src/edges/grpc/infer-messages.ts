import { Buffer } from 'node:buffer';

import { GatewayError } from '../../core/errors.ts';
import type { BodyStream } from '../../gateway/ports.ts';
import { frameMessage } from '../../protocol/grpc/frame.ts';
import { requestFields } from '../../protocol/grpc/infer-message.ts';
import { checkInferRequest } from '../../protocol/grpc/infer-request.ts';
import { readStringField, setStringField } from '../../protocol/grpc/string-field.ts';
import { type Inflate, readMessage } from './compressed-message.ts';
import { MessageBuffer } from './message-buffer.ts';
import { refusalError } from './refusals.ts';

export interface InferStreamSettings {
  /** What the first message, or metadata, named; `''` for none. */
  readonly model: string;
  readonly version: string;
  /** Whether metadata names the model, whatever the messages say. */
  readonly isModelForced: boolean;
  /** The grpc-encoding of the call. */
  readonly encoding: string | undefined;
  readonly inflate: Inflate;
  /** Longest message, with compression and without. */
  readonly maxBytes: number;
}

/**
 * The messages of ModelStreamInfer, one in each piece, not compressed, and checked as that of ModelInfer is; the source
 * throws at the first that is wrong. The route was chosen for the model and version of the first message, so no other may
 * name others; one that names none is for these. A message is read when the one before has gone on: what a few compressed
 * bytes become waits nowhere.
 */
export function inferMessages(body: BodyStream, settings: InferStreamSettings): BodyStream {
  const source = { [Symbol.asyncIterator]: () => readMessages(body, settings) };
  return { kind: 'stream', length: null, source };
}

/** What is wrong with a message of a stream, null for nothing. */
export function inferProblem(message: Buffer, settings: InferStreamSettings): GatewayError | null {
  const problem = checkInferRequest(message);
  if (problem !== null) return new GatewayError(problem.code, problem.message);
  const { model, version, isModelForced } = settings;
  if (!isModelForced && isOther(message, requestFields.modelName, model)) return otherName('model_name');
  return isOther(message, requestFields.modelVersion, version) ? otherName('model_version') : null;
}

async function* readMessages({ source }: BodyStream, settings: InferStreamSettings): AsyncGenerator<Buffer> {
  const messages = new MessageBuffer(settings.maxBytes);
  for await (const chunk of source) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    for (let at = 0; at < bytes.length;) {
      at = messages.add(bytes, at, bytes.length);
      if (messages.problem !== null) throw refusalError(messages.problem);
      if (!messages.isWhole) continue;
      yield checkedFrame(messages, settings);
      messages.reset();
    }
  }
}

/** Throws for a message that is wrong. */
function checkedFrame(messages: MessageBuffer, settings: InferStreamSettings): Buffer {
  const { model, version, encoding, inflate, maxBytes } = settings;
  const message = readMessage(messages, encoding, inflate, maxBytes);
  if (typeof message === 'string') throw refusalError(message);
  const problem = inferProblem(message, settings);
  if (problem !== null) throw problem;
  let named = setStringField(message, requestFields.modelName, model);
  named = setStringField(named, requestFields.modelVersion, version);
  return named === message && !messages.isCompressed ? messages.framed : frameMessage(named);
}

function isOther(message: Buffer, field: number, name: string): boolean {
  const named = readStringField(message, field);
  return named !== '' && named !== name;
}

function otherName(field: string): GatewayError {
  const text = `A message has another ${field} than the first one of its stream; open a stream for each model and version.`;
  return new GatewayError('BAD_BODY', text);
}
