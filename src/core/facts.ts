/** What a decision may look at. Lookups are lazy: nothing is parsed that no rule asks for. */

export type Protocol = 'oip' | 'kserve-v1';

export type Operation =
  | 'infer'
  | 'explain'
  | 'model-metadata'
  | 'model-ready'
  | 'model-list'
  | 'server-metadata'
  | 'server-live'
  | 'server-ready';

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
