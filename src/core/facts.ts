/** What a decision may look at. Lookups are lazy: nothing is parsed that no rule asks for. */

/**
 * How a request, or a backend, speaks. Of requests on the paths `/v2/...` it is `oip`, also for what only Triton and
 * MLServer have; of `/v1/models/...:predict` it is `kserve-v1`, because TF Serving has the same path. `triton` is of
 * backends alone, `speaks` of protocol/protocols.ts says which backend takes which requests as they are.
 */
export type Protocol = HttpProtocol | GrpcProtocol;

export const httpProtocols = [
  'oip',
  'triton',
  'kserve-v1',
  'tfserving',
  'mlflow',
  'sagemaker',
  'vertex',
  'seldon-v1',
  'ray-serve',
  'openai',
] as const;
export type HttpProtocol = (typeof httpProtocols)[number];

/** Over HTTP/2 with protobuf messages, which pass as bytes. */
export const grpcProtocols = ['oip-grpc', 'tfserving-grpc', 'seldon-v1-grpc', 'ray-serve-grpc'] as const;
export type GrpcProtocol = (typeof grpcProtocols)[number];

/** What a request asks for. `call` is anything that the protocol leaves to the user, such as a path of a Ray Serve app. */
export const operations = [
  'infer',
  'infer-stream',
  'explain',
  'generate',
  'generate-stream',
  'classify',
  'regress',
  'chat',
  'completions',
  'responses',
  'embeddings',
  'rerank',
  'call',
  'feedback',
  'model-metadata',
  'model-ready',
  'model-status',
  'model-config',
  'model-stats',
  'model-list',
  'server-metadata',
  'server-live',
  'server-ready',
  'repository-index',
  'model-load',
  'model-unload',
  'trace-setting',
  'log-settings',
  'shared-memory',
] as const;
export type Operation = (typeof operations)[number];

/** A scalar read from the request; integers beyond 2^53 come as strings of digits. */
export type Scalar = string | number | boolean | null;

/** A path into a JSON document: keys, and indexes written as decimal strings. */
export type FieldPath = readonly string[];

export interface Facts {
  readonly requestId: string;
  /** Milliseconds since the epoch, when the request arrived. */
  readonly timeMs: number;
  readonly method: string;
  /** Path as the client sent it, without query, after the configured prefix was removed. */
  readonly path: string;
  /** Query without `?`, `''` when absent. */
  readonly query: string;
  readonly protocol: Protocol;
  readonly operation: Operation;
  /** Decoded model name, `''` when the path names none. */
  readonly model: string;
  /** Decoded version, `''` when the path names none. */
  readonly version: string;
  /** Value of a header by lower-case name; repeated ones are joined by `, `. */
  header(name: string): string | undefined;
  /** First value of a query parameter, decoded. */
  queryParameter(name: string): string | undefined;
  cookie(name: string): string | undefined;
  /** A scalar of the JSON body; undefined when it is absent, no scalar, or the body is not JSON. */
  field(path: FieldPath): Scalar | undefined;
  /** All headers by lower-case name, for expressions. */
  allHeaders(): Readonly<Record<string, string>>;
  /** All query parameters, for expressions. */
  allQuery(): Readonly<Record<string, string>>;
  /** The whole body parsed, for expressions that need it; undefined when it is not JSON. */
  parsedBody(): unknown;
}

/** Where one value of the request comes from; the text form `header:x-user-id` is compiled into this. */
export type Source =
  | { readonly from: 'header'; readonly name: string }
  | { readonly from: 'query'; readonly name: string }
  | { readonly from: 'cookie'; readonly name: string }
  | { readonly from: 'body'; readonly path: FieldPath }
  | { readonly from: 'request' };
