import { Buffer } from 'node:buffer';

import type { Facts, FieldPath, Operation, Protocol, Scalar } from '../core/facts.ts';
import { compileSteps, findField, type Path } from '../protocol/json-path.ts';
import { readScalar } from '../protocol/json-scalar.ts';
import { isCompleteJson } from '../protocol/json-scan.ts';
import { inferenceHeader, lengthProblem } from '../protocol/oip-binary.ts';
import type { RequestHeaders } from './ports.ts';

/** What is known of a request before its body. */
export interface FactsHead extends Pick<
  Facts,
  'requestId' | 'timeMs' | 'method' | 'path' | 'query' | 'protocol' | 'operation' | 'model' | 'version'
> {
  readonly headers: RequestHeaders;
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
  readonly model: string;
  readonly version: string;
  readonly #headers: RequestHeaders;
  #allHeaders: Readonly<Record<string, string>> | null = null;
  #allQuery: Readonly<Record<string, string>> | null = null;
  #cookies: ReadonlyMap<string, string> | null = null;
  #json: Uint8Array | null = null;
  #fields: Map<FieldPath, Scalar | undefined> | null = null;
  #parsed: { readonly value: unknown } | null = null;

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
  }

  /**
   * The body, once it is whole; null for none. `jsonLength` is the length of its JSON part when binary tensors follow,
   * by default what the client says.
   * A body with a content encoding is not read: to decide, it would have to be decompressed.
   */
  setBody(body: Uint8Array | null, jsonLength: number | null = this.inferenceHeaderLength()): void {
    this.#json =
      body === null || !this.isPlainBody() ? null : jsonLength === null ? body : body.subarray(0, jsonLength);
    this.#fields = null;
    this.#parsed = null;
  }

  /** Whether the body has no content encoding, so that its bytes can be read as they are. */
  isPlainBody(): boolean {
    const encoding = this.header('content-encoding');
    return encoding === undefined || encoding === '' || encoding.toLowerCase() === 'identity';
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
  framingProblem(bodyLength: number): string | null {
    if (this.protocol !== 'oip' || this.operation !== 'infer') return null;
    const value = this.header(inferenceHeader);
    if (value === undefined || !this.isPlainBody()) return null;
    return lengthProblem(value, bodyLength)?.message ?? null;
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
    const json = this.#json;
    if (json === null) return undefined;
    const known = this.#fields?.get(path);
    if (known !== undefined || this.#fields?.has(path) === true) return known;
    const compiled = compiledPath(path);
    const span = compiled === null ? null : findField(json, compiled);
    const value = span === null ? undefined : readScalar(json, span);
    this.#fields ??= new Map();
    this.#fields.set(path, value);
    return value;
  }

  allHeaders(): Readonly<Record<string, string>> {
    return (this.#allHeaders ??= decodeAll(this.#headers.all()));
  }

  allQuery(): Readonly<Record<string, string>> {
    return (this.#allQuery ??= collectFirst(new URLSearchParams(this.query)));
  }

  parsedBody(): unknown {
    this.#parsed ??= { value: this.#json === null ? undefined : parseJson(this.#json) };
    return this.#parsed.value;
  }
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

/** Paths belong to the configuration, so the same array comes with every request. */
const compiledPaths = new WeakMap<FieldPath, { readonly path: Path | null }>();

function compiledPath(path: FieldPath): Path | null {
  let entry = compiledPaths.get(path);
  if (entry === undefined) compiledPaths.set(path, (entry = { path: compileSteps(path) }));
  return entry.path;
}

/** Undefined for what the scanner does not take, deep nesting too, so that parsing and `field` see the same bodies. */
function parseJson(bytes: Uint8Array): unknown {
  if (!isCompleteJson(bytes)) return undefined;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return parseWithTokens(text);
  }
}

/**
 * Reads JSON with the bare tokens NaN and Infinity, which model servers accept, as null. The scanner has accepted the
 * text, so every string in it is closed and the expression does not backtrack.
 */
function parseWithTokens(text: string): unknown {
  try {
    const token = /"[^"\\]*(?:\\.[^"\\]*)*"|-?Infinity|NaN/g;
    return JSON.parse(text.replace(token, (found) => (found.startsWith('"') ? found : 'null'))) as unknown;
  } catch {
    return undefined;
  }
}
