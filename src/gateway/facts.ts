import { Buffer } from 'node:buffer';

import { GatewayError } from '../core/errors.ts';
import type { Facts, FieldPath, Operation, Protocol, Scalar } from '../core/facts.ts';
import { type BodyFields, JsonFields } from '../protocol/body-fields.ts';
import { InferFields } from '../protocol/grpc/infer-fields.ts';
import { SeldonFields } from '../protocol/grpc/seldon-fields.ts';
import { findRoot, maxDepth, skipSpace } from '../protocol/json-scan.ts';
import { inferenceHeader, lengthProblem } from '../protocol/oip-binary.ts';
import { isGrpc } from '../protocol/protocols.ts';
import type { BodyDecoder, RequestHeaders } from './ports.ts';

/** What is known of a request before its body. */
export interface FactsHead extends Pick<
  Facts,
  'requestId' | 'timeMs' | 'method' | 'path' | 'query' | 'protocol' | 'operation' | 'model' | 'version'
> {
  readonly headers: RequestHeaders;
  /** Null: bodies with a content encoding are not read. */
  readonly decode?: BodyDecoder | null;
}

/** Why a body, or what its content encoding hides, cannot be read; safe to tell the client. */
export interface BodyProblem {
  readonly code: 'BODY_TOO_LARGE' | 'BAD_BODY';
  readonly message: string;
}

/** The facts of one request. Whatever a client names is looked up in maps or own properties, never in prototypes. */
export class RequestFacts implements Facts {
  readonly requestId: string;
  readonly timeMs: number;
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly protocol: Protocol;
  readonly operation: Operation;
  model: string;
  readonly version: string;
  readonly #headers: RequestHeaders;
  #allHeaders: Readonly<Record<string, string>> | null = null;
  #allQuery: Readonly<Record<string, string>> | null = null;
  #cookies: ReadonlyMap<string, string> | null = null;
  readonly #decode: BodyDecoder | null;
  #body: Buffer | null = null;
  #jsonLength: number | null = null;
  /** Undefined until they are asked for. */
  #plain: Buffer | null | undefined;
  /** The body would be larger than a body may be without its content encoding. */
  #inflatesTooFar = false;
  #fields: BodyFields | null | undefined;
  /** The body should name the model, and is no JSON object. */
  #namesNothing = false;

  constructor(head: FactsHead) {
    this.requestId = head.requestId;
    this.timeMs = head.timeMs;
    this.method = head.method;
    this.path = head.path;
    this.query = head.query;
    this.protocol = head.protocol;
    this.operation = head.operation;
    this.model = head.model;
    this.version = head.version;
    this.#headers = head.headers;
    this.#decode = head.decode ?? null;
  }

  /**
   * The body, once it is whole; null for none. Of gRPC protocols it is the message. `jsonLength` is the length of its
   * JSON part when binary tensors follow, by default what the client says.
   */
  setBody(body: Buffer | null, jsonLength: number | null = this.inferenceHeaderLength()): void {
    this.#body = body;
    this.#jsonLength = jsonLength;
    this.#fields = undefined;
    this.#plain = undefined;
    this.#inflatesTooFar = false;
    if (body !== null && this.protocol === 'openai') this.#readModel();
  }

  /** Whether the body has no content encoding, so that its bytes can be read as they are. */
  isPlainBody(): boolean {
    const encoding = this.header('content-encoding');
    return encoding === undefined || encoding === '' || encoding.toLowerCase() === 'identity';
  }

  /** The body without its content encoding, decoded when first asked for; null when there is none or it cannot be read. */
  plainBody(): Buffer | null {
    if (this.#plain !== undefined) return this.#plain;
    if (this.#body === null || this.isPlainBody()) return (this.#plain = this.#body);
    const decoded = this.#decode?.(this.header('content-encoding') ?? '', this.#body) ?? null;
    this.#inflatesTooFar = decoded === 'too-large';
    return (this.#plain = decoded === 'too-large' ? null : decoded);
  }

  /** Why there is no `plainBody` although there is a body, safe to tell the client; null when there is one. */
  decodingProblem(): BodyProblem | null {
    if (this.#body === null || this.plainBody() !== null) return null;
    return this.#inflatesTooFar ? INFLATES_TOO_FAR : UNDECODABLE;
  }

  /**
   * Why fields that a decision looked at may be there although they were not found, safe to tell the client: the body
   * cannot be decoded, or is malformed or nested too deep. Null when no field was looked at, when all was readable, and for
   * bodies that are no JSON and do not say so, such as forms: they have no fields.
   */
  fieldsProblem(): BodyProblem | null {
    if (this.#fields === undefined) return null;
    if (this.#fields === null) return this.decodingProblem();
    if (!this.#fields.isDoubtful()) return null;
    if (isGrpc(this.protocol)) return MALFORMED;
    return this.#meansJson() ? NO_JSON : null;
  }

  /** Whether somebody may read the body as JSON: its content type says so, or there is none, or it begins like JSON. */
  #meansJson(): boolean {
    const json = this.#json(this.plainBody()!);
    if (json.length === 0) return false;
    const type = this.header('content-type') ?? '';
    const first = json[skipSpace(json, 0)];
    return type === '' || /\bjson\b/i.test(type) || first === 0x7b || first === 0x5b;
  }

  #json(body: Buffer): Buffer {
    return this.#jsonLength === null ? body : body.subarray(0, this.#jsonLength);
  }

  #readFields(): BodyFields | null {
    const body = this.plainBody();
    if (body === null) return null;
    if (this.protocol === 'oip-grpc') return new InferFields(body);
    if (this.protocol === 'seldon-v1-grpc') return new SeldonFields(body, this.operation === 'feedback');
    if (isGrpc(this.protocol)) return noFields;
    return new JsonFields(this.#json(body));
  }

  /** Clients of this protocol name the model in the body. */
  #readModel(): void {
    const model = this.field(MODEL_FIELD);
    if (typeof model === 'string') this.model = model;
    else if (model === undefined) this.#namesNothing = !isObject(this.plainBody());
  }

  /** Length of the JSON part of a body with binary tensors, as the client says; null when there is none. */
  inferenceHeaderLength(): number | null {
    const value = this.header(inferenceHeader);
    return value !== undefined && /^[0-9]{1,15}$/.test(value) ? Number(value) : null;
  }

  /**
   * What is wrong with the client's division of a whole body of `bodyLength` bytes into JSON and binary tensors, safe to
   * tell the client; null for nothing, and where the division does not count these bytes: other protocols and
   * operations, bodies with a content encoding. Gateway and model server must not disagree on where the JSON ends.
   */
  framingProblem(bodyLength: number): GatewayError | null {
    if (this.protocol === 'openai') {
      if (!this.#namesNothing) return null;
      const problem = this.decodingProblem();
      return problem === null
        ? new GatewayError('BAD_REQUEST', NO_OBJECT)
        : new GatewayError(problem.code, problem.message);
    }
    if (this.protocol !== 'oip' || this.operation !== 'infer') return null;
    const value = this.header(inferenceHeader);
    if (value === undefined || !this.isPlainBody()) return null;
    const problem = lengthProblem(value, bodyLength);
    return problem === null ? null : new GatewayError('BAD_REQUEST', problem.message);
  }

  header(name: string): string | undefined {
    const value = this.#headers.get(name);
    return value === undefined ? undefined : decodeHeader(value);
  }

  queryParameter(name: string): string | undefined {
    return this.query === '' ? undefined : this.allQuery()[name];
  }

  cookie(name: string): string | undefined {
    this.#cookies ??= parseCookies(this.header('cookie') ?? '');
    return this.#cookies.get(name);
  }

  field(path: FieldPath): Scalar | undefined {
    return (this.#fields ??= this.#readFields())?.field(path);
  }

  allHeaders(): Readonly<Record<string, string>> {
    return (this.#allHeaders ??= decodeAll(this.#headers.all()));
  }

  allQuery(): Readonly<Record<string, string>> {
    return (this.#allQuery ??= collectFirst(new URLSearchParams(this.query)));
  }

  parsedBody(): unknown {
    return (this.#fields ??= this.#readFields())?.parsed();
  }
}

const MODEL_FIELD: FieldPath = ['model'];
const INFLATES_TOO_FAR: BodyProblem = {
  code: 'BODY_TOO_LARGE',
  message: 'Without its Content-Encoding the body is larger than this gateway accepts.',
};
const UNDECODABLE: BodyProblem = {
  code: 'BAD_BODY',
  message:
    'The body cannot be decoded. Send it with the Content-Encoding gzip, deflate or br, or without Content-Encoding.',
};
const NO_JSON: BodyProblem = {
  code: 'BAD_BODY',
  message: `The body is looked at to find the model, and is not valid JSON of at most ${maxDepth} levels.`,
};
const MALFORMED: BodyProblem = {
  code: 'BAD_BODY',
  message: 'The message is looked at to find the model, and is malformed or has too many tensors and parameters.',
};

/** Messages of other protocols than the Open Inference Protocol are not read. */
const noFields: BodyFields = { field: () => undefined, parsed: () => undefined, isDoubtful: () => false };

const NO_OBJECT = 'The body must be one JSON object, with the name of the model as `model`.';

function isObject(body: Buffer | null): boolean {
  return body !== null && findRoot(body)?.kind === 'object';
}

function decodeAll(headers: Record<string, string>): Record<string, string> {
  for (const name of Object.keys(headers)) headers[name] = decodeHeader(headers[name]!);
  return headers;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Lanes give the bytes of a header as Latin-1. Clients write UTF-8; what is not UTF-8 stays as it is. */
function decodeHeader(value: string): string {
  // eslint-disable-next-line no-control-regex
  if (!/[^\u0000-\u007f]/.test(value)) return value;
  try {
    return utf8.decode(Buffer.from(value, 'latin1'));
  } catch {
    return value;
  }
}

function collectFirst(parameters: URLSearchParams): Record<string, string> {
  const all: Record<string, string> = Object.create(null);
  for (const [name, value] of parameters) all[name] ??= value;
  return all;
}

/** Cookies by name, the first of equal names; values as they are, without the quotes that may surround them. */
function parseCookies(header: string): ReadonlyMap<string, string> {
  const cookies = new Map<string, string>();
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=');
    if (equals === -1) continue;
    const name = pair.slice(0, equals).trim();
    const value = pair.slice(equals + 1).trim();
    const isQuoted = value.length >= 2 && value.startsWith('"') && value.endsWith('"');
    if (!cookies.has(name)) cookies.set(name, isQuoted ? value.slice(1, -1) : value);
  }
  return cookies;
}
