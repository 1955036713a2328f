import { GatewayError } from '../core/errors.ts';
import { frameMessage, readFrame } from '../protocol/grpc/frame.ts';
import { findHeader, setHeader, withoutHeaders } from '../protocol/header-block.ts';
import { type HeldAnswer, isEncodedAnswer } from './answer-mapping.ts';
import type { BodyDecoder } from './ports.ts';

const ENCODING: ReadonlySet<string> = new Set(['content-encoding']);
const COMPRESSION: ReadonlySet<string> = new Set(['grpc-encoding']);

/**
 * An answer that is to be changed, without its content encoding, or the compression of its one message of gRPC: some
 * servers and proxies compress though they were asked not to. Throws for one that cannot be decoded, or is larger than a body may be: it would tell the client names that are
 * none of its own. An error of the server stays as it is then.
 */
export function decodedAnswer(answer: HeldAnswer, decode: BodyDecoder): HeldAnswer {
  const { status, headers, body } = answer;
  if (!isEncodedAnswer(headers)) return decodedMessage(answer, decode);
  const plain = decode(findHeader(headers, 'content-encoding') ?? '', body);
  if (plain !== null && plain !== 'too-large') {
    const length = String(plain.length);
    return { ...answer, body: plain, headers: setHeader(withoutHeaders(headers, ENCODING), 'content-length', length) };
  }
  if (status >= 300) return answer;
  throw encodedAnswer();
}

/** What is no one compressed message stays as it is. */
function decodedMessage(answer: HeldAnswer, decode: BodyDecoder): HeldAnswer {
  const { headers, body } = answer;
  const encoding = findHeader(headers, 'grpc-encoding');
  if (encoding === undefined) return answer;
  const frame = readFrame(body);
  if (frame === null || !frame.isCompressed || frame.end !== body.length) return answer;
  const plain = decode(encoding, frame.message);
  if (plain === null || plain === 'too-large') throw encodedAnswer();
  return { ...answer, body: frameMessage(plain), headers: withoutHeaders(headers, COMPRESSION) };
}

/** The answer cannot be changed as it must be, because it is compressed. */
export function encodedAnswer(): GatewayError {
  return new GatewayError(
    'UPSTREAM_BAD_RESPONSE',
    undefined,
    'the answer is compressed, though it was asked not to be',
  );
}
