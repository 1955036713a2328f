import { Buffer } from 'node:buffer';

import { headerLine, type HeaderBlock } from '../header-block.ts';
import { JsonWriter } from '../json-writer.ts';
import { inferenceHeader, joinBinary } from '../oip-binary.ts';

/** Bodies are written one after the other and none while another is open, so that one writer will do. */
const shared = new JsonWriter();

/** A body and the fields that describe it. */
export interface WrittenBody {
  readonly headers: HeaderBlock;
  readonly body: Buffer;
}

/** An empty body to be written; it is good until the next call. */
export function startBody(): JsonWriter {
  shared.reset();
  return shared;
}

/** What was written, as a buffer of its own. */
export function takeBytes(out: JsonWriter): Buffer {
  const bytes = Buffer.allocUnsafe(out.length);
  out.copy(bytes, 0, 0, out.length);
  return bytes;
}

/** The fields of a body that is JSON. */
export const jsonHeaders: HeaderBlock = headerLine('content-type', 'application/json');

/** The JSON that was written, and behind it the bytes of its binary tensors, if there are any. */
export function finishBody(out: JsonWriter, tail: readonly Buffer[] = []): WrittenBody {
  const json = takeBytes(out);
  if (tail.length === 0) return { headers: jsonHeaders, body: json };
  const headers =
    headerLine('content-type', 'application/octet-stream') + headerLine(inferenceHeader, String(json.length));
  return { headers, body: joinBinary(json, Buffer.concat(tail)) };
}

/** Any text as a JSON string. */
export function writeText(out: JsonWriter, text: string): void {
  out.text(JSON.stringify(text));
}

/** A member that is a text, with a comma before it; nothing for `''`. */
export function writeMember(out: JsonWriter, key: string, text: string): void {
  if (text === '') return;
  out.ascii(`,"${key}":`);
  writeText(out, text);
}

/** The beginning of a tensor: name, shape, datatype. More members may follow, and the closing brace must. */
export function openTensor(out: JsonWriter, name: string, shape: readonly number[], datatype: string): void {
  out.ascii('{"name":');
  writeText(out, name);
  out.ascii(`,"shape":[${shape.join(',')}],"datatype":`);
  writeText(out, datatype);
}

/** A tensor with its elements in JSON, which have commas between them; `parameters` are the members of an object. */
export function writeTensor(
  out: JsonWriter,
  name: string,
  shape: readonly number[],
  datatype: string,
  data: Buffer,
  parameters = '',
): void {
  openTensor(out, name, shape, datatype);
  if (parameters !== '') out.ascii(`,"parameters":{${parameters}}`);
  out.ascii(',"data":[');
  out.raw(data);
  out.ascii(']}');
}
