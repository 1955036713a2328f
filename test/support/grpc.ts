import { fileURLToPath } from 'node:url';

import {
  type ChannelCredentials,
  Client,
  type ClientDuplexStream,
  type ClientOptions,
  credentials as channelCredentials,
  Metadata,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type ServiceError,
  type status,
  type StatusObject,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const protos = fileURLToPath(new URL('../../src/edges/grpc/protos', import.meta.url));
const definitions = loadSync(
  ['inference.proto', 'grpc/health/v1/health.proto', 'grpc/reflection/v1/reflection.proto'],
  { includeDirs: [protos], keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true },
);

export type Message = Record<string, unknown>;
type Method = MethodDefinition<Message, Message>;

export const INFERENCE = 'inference.GRPCInferenceService';
export const HEALTH = 'grpc.health.v1.Health';
export const REFLECTION = 'grpc.reflection.v1.ServerReflection';

/** How a call ended, as its client sees it. */
export interface CallResult {
  readonly code: status;
  readonly details: string;
  readonly message: Message | null;
  readonly head: Metadata | null;
  /** Trailers, or all metadata of an answer that was only a head. */
  readonly trailers: Metadata;
}

export interface CallOptions {
  readonly metadata?: Readonly<Record<string, string | Buffer>>;
  /** Milliseconds from now. */
  readonly timeoutMs?: number;
  /** Called with what ends the call. */
  readonly onCall?: (cancel: () => void) => void;
}

export type Stream = ClientDuplexStream<Message, Message>;

/** A client of `@grpc/grpc-js` for one service. */
export class GrpcClient {
  readonly #client: Client;
  readonly #service: string;

  constructor(url: string, service = INFERENCE, options: ClientOptions = {}, credentials?: ChannelCredentials) {
    const insecure = channelCredentials.createInsecure();
    // A connection of its own for each client: the library would share them.
    const own = { 'grpc.use_local_subchannel_pool': 1, 'grpc.max_receive_message_length': -1, ...options };
    this.#client = new Client(new URL(url).host, credentials ?? insecure, own);
    this.#service = service;
  }

  unary(name: string, message: Message, options: CallOptions = {}): Promise<CallResult> {
    const method = methodOf(this.#service, name);
    return new Promise((resolve) => {
      let head: Metadata | null = null;
      let answer: Message | null = null;
      const call = this.#client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        message,
        metadataOf(options),
        callOptionsOf(options),
        (_error: ServiceError | null, value?: Message) => (answer = value ?? null),
      );
      call.on('metadata', (metadata: Metadata) => (head = metadata));
      call.on('status', ({ code, details, metadata }: StatusObject) => {
        // The value comes in the same turn.
        setImmediate(() => resolve({ code, details, message: answer, head, trailers: metadata }));
      });
      options.onCall?.(() => call.cancel());
    });
  }

  stream(name: string, options: CallOptions = {}): Stream {
    const { path, requestSerialize, responseDeserialize } = methodOf(this.#service, name);
    const call = this.#client.makeBidiStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      metadataOf(options),
      callOptionsOf(options),
    );
    // How it ended is told by its status.
    call.on('error', () => {});
    return call;
  }

  close(): void {
    this.#client.close();
  }
}

/** The status that ends a stream. */
export function statusOf(stream: Stream): Promise<StatusObject> {
  return new Promise((resolve) => stream.once('status', resolve));
}

/** The next messages of a stream, one after the other; null: it has ended. */
export function reader(stream: Stream): () => Promise<Message | null> {
  const messages: (Message | null)[] = [];
  const waiting: ((message: Message | null) => void)[] = [];
  const take = (message: Message | null): void => {
    const next = waiting.shift();
    if (next === undefined) messages.push(message);
    else next(message);
  };
  stream.on('data', (message: Message) => take(message));
  stream.once('status', () => setImmediate(take, null));
  return () => {
    const message = messages.shift();
    return message === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(message);
  };
}

export interface GrpcModel {
  readonly url: string;
  readonly port: number;
  readonly server: Server;
  close(): void;
}

/** A server of `@grpc/grpc-js` on a free port. */
export async function startModel(
  implementation: UntypedServiceImplementation,
  { credentials = ServerCredentials.createInsecure(), port = 0, service = INFERENCE, options = {} } = {},
): Promise<GrpcModel> {
  const server = new Server({ 'grpc.max_receive_message_length': -1, ...options });
  server.addService(definitions[service] as ServiceDefinition, implementation);
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, credentials, (error, number) => (error ? reject(error) : resolve(number)));
  });
  return { url: `http://127.0.0.1:${bound}`, port: bound, server, close: () => server.forceShutdown() };
}

export interface InferCall {
  readonly request: Message;
  readonly metadata: Metadata;
  getDeadline(): Date | number;
  sendMetadata(metadata: Metadata): void;
}

/** The implementation of ModelInfer that answers with one tensor and what is told. */
export function inferAnswering(
  name: string,
  onCall: (call: InferCall) => void = () => {},
): UntypedServiceImplementation {
  return {
    ModelInfer: (call: InferCall, callback: (error: null, value: Message) => void) => {
      onCall(call);
      callback(null, inferResponse(name, String(call.request['id'])));
    },
  };
}

export function inferResponse(name: string, id: string): Message {
  const outputs = [{ name: 'out', datatype: 'FP32', shape: [1], contents: { fp32_contents: [1] } }];
  return { model_name: name, id, outputs };
}

export function inferRequest(model: string, id = '', values: readonly number[] = [1]): Message {
  const contents = { fp32_contents: values };
  return { model_name: model, id, inputs: [{ name: 'x', datatype: 'FP32', shape: [values.length], contents }] };
}

/** The bytes of a ModelInferRequest. */
export function inferBytes(model: string, id = '', values: readonly number[] = [1]): Buffer {
  return methodOf(INFERENCE, 'ModelInfer').requestSerialize(inferRequest(model, id, values));
}

function methodOf(service: string, name: string): Method {
  return (definitions[service] as ServiceDefinition)[name] as Method;
}

function metadataOf({ metadata = {} }: CallOptions): Metadata {
  const fields = new Metadata();
  for (const [name, value] of Object.entries(metadata)) fields.add(name, value);
  return fields;
}

function callOptionsOf({ timeoutMs }: CallOptions): { deadline?: number } {
  return timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
}
