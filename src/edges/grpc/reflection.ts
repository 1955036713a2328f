import { Buffer } from 'node:buffer';

import { grpcStatus } from '../../protocol/grpc/status.ts';
import { BYTES, eachField, VARINT, WireWriter } from '../../protocol/grpc/wire.ts';
import { descriptors, type DescriptorFile } from './descriptors.ts';
import type { OwnCall, OwnMethod, OwnMethods, OwnStream } from './own-methods.ts';

/** Fields of ServerReflectionRequest and ServerReflectionResponse, the same in v1 and v1alpha. */
const REQUEST = { file: 3, symbol: 4, extension: 5, extensionNumbers: 6, list: 7 } as const;
const RESPONSE = { host: 1, request: 2, files: 4, services: 6, error: 7 } as const;

/**
 * Server reflection (https://github.com/grpc/grpc/blob/master/doc/server-reflection.md), by which tools such as grpcurl
 * learn the methods. It names all that is served, and describes what Makas has a description of: the messages of TF
 * Serving, of Seldon and of the services of users are not among them.
 */
export class Reflection {
  readonly methods: OwnMethods;
  readonly #streams = new Set<ReflectionStream>();

  /** `services`: the full names of what is served beside what Makas itself answers. */
  constructor(services: Iterable<string>) {
    const listed = listOf(new Set([...services, ...descriptors.flatMap((file) => file.services)]));
    const info: OwnMethod = {
      kind: 'stream',
      mayBeSilent: false,
      open: (call) => {
        const stream = new ReflectionStream(call, listed, () => this.#streams.delete(stream));
        this.#streams.add(stream);
        return stream;
      },
    };
    this.methods = new Map(
      ['v1', 'v1alpha'].map((version) => [`/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`, info]),
    );
  }

  /** Ends the streams: every question that came has its answer. */
  close(): void {
    for (const stream of this.#streams) stream.onEnd();
  }
}

class ReflectionStream implements OwnStream {
  readonly #call: OwnCall;
  readonly #listed: Buffer;
  readonly onClose: () => void;

  constructor(call: OwnCall, listed: Buffer, onClose: () => void) {
    this.#call = call;
    this.#listed = listed;
    this.onClose = onClose;
  }

  onMessage(message: Buffer): void {
    this.#call.send(answer(message, this.#listed));
  }

  onEnd(): void {
    this.#call.end(grpcStatus.OK, '');
  }
}

function answer(request: Buffer, listed: Buffer): Buffer {
  let asked = 0;
  let text = '';
  let host = '';
  eachField(request, 0, request.length, (field, type, from, to) => {
    if (type !== BYTES) return;
    const value = request.toString('utf8', from, to);
    if (field === 1) host = value;
    else if (field >= REQUEST.file && field <= REQUEST.list) [asked, text] = [field, value];
  });
  const writer = new WireWriter(1024);
  if (host !== '') writer.text(RESPONSE.host, host);
  writer.bytes(RESPONSE.request, request);
  if (asked === REQUEST.list) writer.bytes(RESPONSE.services, listed);
  else {
    const file = asked === REQUEST.file ? fileNamed(text) : asked === REQUEST.symbol ? fileWith(text) : undefined;
    if (file === undefined) writer.bytes(RESPONSE.error, notFound());
    else writer.bytes(RESPONSE.files, fileMessage(file));
  }
  return writer.finish();
}

function fileNamed(name: string): DescriptorFile | undefined {
  return descriptors.find((file) => file.name === name);
}

/** A symbol may be a method or a field too, which are named behind what they belong to. */
function fileWith(symbol: string): DescriptorFile | undefined {
  for (let name = symbol; name !== ''; name = name.slice(0, Math.max(0, name.lastIndexOf('.')))) {
    const file = descriptors.find(({ symbols }) => symbols.includes(name));
    if (file !== undefined) return file;
  }
  return undefined;
}

/** FileDescriptorResponse{repeated bytes file_descriptor_proto = 1}. None of the files imports another. */
function fileMessage({ content }: DescriptorFile): Buffer {
  const writer = new WireWriter(content.length);
  writer.bytes(1, Buffer.from(content, 'base64'));
  return writer.finish();
}

/** ListServiceResponse{repeated ServiceResponse{name = 1} service = 1}. */
function listOf(services: Iterable<string>): Buffer {
  const writer = new WireWriter();
  for (const service of services) {
    const entry = new WireWriter();
    entry.text(1, service);
    writer.bytes(1, entry.finish());
  }
  return writer.finish();
}

/** ErrorResponse{error_code = 1, error_message = 2}. */
function notFound(): Buffer {
  const writer = new WireWriter();
  writer.tag(1, VARINT);
  writer.varint(grpcStatus.NOT_FOUND);
  writer.text(2, 'This gateway has no description of that.');
  return writer.finish();
}
