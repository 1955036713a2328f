import type { Buffer } from 'node:buffer';

import type { Answer, AnswerOutput, Unread } from '../core/compare-answers.ts';
import type { GrpcProtocol, Protocol } from '../core/facts.ts';
import { onlyMessage } from '../protocol/grpc/frame.ts';
import { readInferOutputs } from '../protocol/grpc/infer-outputs.ts';
import { grpcAnswerStatus } from '../protocol/grpc/status.ts';
import { findHeader, type HeaderBlock } from '../protocol/header-block.ts';
import { findField, pathOf } from '../protocol/json-path.ts';
import { readString } from '../protocol/json-scalar.ts';
import { kindAt, type Span } from '../protocol/json-scan.ts';
import { eachElement, eachMember } from '../protocol/json-walk.ts';
import { inferenceHeader } from '../protocol/oip-binary.ts';
import { readOutputs, type Output } from '../protocol/outputs.ts';
import { isGrpc } from '../protocol/protocols.ts';
import { isEncodedAnswer } from './answer-mapping.ts';

/** Elements of one answer that are compared; reading more would keep the event loop from answering. */
const ELEMENTS_MAX = 16_384;
/** Length of what a log line shows of one answer. */
const TEXT_MAX = 2048;

/** A whole answer of a primary or of a shadow. */
export interface WholeAnswer {
  readonly status: number;
  readonly headers: HeaderBlock;
  /** Null when it was longer than what is kept. */
  readonly body: Buffer | null;
  /** Of gRPC, `''` for none. */
  readonly trailers: HeaderBlock;
  readonly durationMs: number;
}

/** Reads the outputs of a success for comparison; other answers are compared by status alone. */
export function readAnswer(answer: WholeAnswer, protocol: Protocol): Answer {
  const { headers, body } = answer;
  const status = isGrpc(protocol) ? grpcAnswerStatus(headers, answer.trailers) : answer.status;
  const isSuccess = status >= 200 && status < 300;
  return { status, outputs: isSuccess ? readBody(headers, body, protocol) : 'unreadable' };
}

function readBody(headers: HeaderBlock, body: Buffer | null, protocol: Protocol): readonly AnswerOutput[] | Unread {
  if (body === null) return 'too large';
  if (isGrpc(protocol)) return readMessage(body, protocol);
  if (isEncodedAnswer(headers)) return 'encoded';
  const header = findHeader(headers, inferenceHeader);
  if (header !== undefined && !/^[0-9]{1,15}$/.test(header)) return 'unreadable';
  const length = header === undefined ? null : Number(header);
  if (protocol === 'oip' || protocol === 'triton')
    return readOutputs(body, length, 'oip', ELEMENTS_MAX) ?? 'unreadable';
  if (!HAVE_PREDICTIONS.has(protocol)) return 'unreadable';
  const outputs = readOutputs(body, length, 'v1', ELEMENTS_MAX);
  return outputs === null ? 'unreadable' : withRows(outputs, body);
}

/** Protocols whose answers have `predictions`. */
const HAVE_PREDICTIONS: ReadonlySet<Protocol> = new Set<Protocol>([
  'kserve-v1',
  'tfserving',
  'mlflow',
  'sagemaker',
  'vertex',
]);

function readMessage(body: Buffer, protocol: GrpcProtocol): readonly AnswerOutput[] | Unread {
  if (protocol !== 'oip-grpc') return 'unreadable';
  const message = onlyMessage(body);
  return message === null ? 'encoded' : (readInferOutputs(message, ELEMENTS_MAX) ?? 'unreadable');
}

const predictionsPath = pathOf(['predictions']);

/**
 * KServe V1 states no shapes, and the outputs come flattened. What labels need, the scores of each row, follows from the
 * number of rows: the elements of `predictions`, or of each of its columns.
 */
function withRows(outputs: readonly Output[], body: Buffer): readonly AnswerOutput[] {
  const predictions = findField(body, predictionsPath);
  if (predictions === null) return outputs;
  if (predictions.kind === 'array') {
    const rows = countElements(body, predictions);
    return outputs.map((output) => shaped(output, rows));
  }
  const rowsOfColumn = new Map<string, number>();
  eachMember(body, predictions, (keyStart, keyEnd, start, end) => {
    const rows = countElements(body, { start, end, kind: kindAt(body, start) });
    rowsOfColumn.set(readString(body, keyStart, keyEnd), rows);
    return rowsOfColumn.size < outputs.length;
  });
  return outputs.map((output) => shaped(output, rowsOfColumn.get(output.name) ?? 0));
}

function countElements(body: Buffer, span: Span): number {
  let count = 0;
  eachElement(body, span, () => ++count <= ELEMENTS_MAX);
  return count;
}

function shaped(output: Output, rows: number): AnswerOutput {
  const perRow = output.values.length / rows;
  if (output.isTruncated || !Number.isInteger(perRow) || perRow < 1) return output;
  return { ...output, shape: perRow === 1 ? [rows] : [rows, perRow] };
}

/** What a log line shows of an answer: its outputs, or the beginning of a body that has none. */
export function answerText(answer: Answer, body: Buffer | null): string {
  const { outputs } = answer;
  if (typeof outputs === 'string') {
    return outputs === 'unreadable' && body !== null ? body.toString('utf8', 0, TEXT_MAX) : outputs;
  }
  let text = '';
  for (const { name, shape, values } of outputs) {
    const shapeText = shape === null ? '' : `[${shape.join(',')}]`;
    // Every element takes two characters at least.
    text += `${text === '' ? '' : '; '}${name.slice(0, TEXT_MAX)}${shapeText}: ${values
      .slice(0, TEXT_MAX / 2)
      .join(', ')
      .slice(0, TEXT_MAX)}`;
    if (text.length >= TEXT_MAX) break;
  }
  return text.slice(0, TEXT_MAX);
}
