/**
 * The error registry: every answer that Makas itself makes carries one of these codes in the header `makas-error`.
 * A code is never reused for another meaning. Messages are safe for clients: they say what to do and name nothing
 * of the inside. `flag` is the short form for logs (after the response flags that proxies commonly print).
 */
export interface ErrorEntry {
  readonly status: number;
  /** gRPC status code, https://grpc.io/docs/guides/status-codes/. */
  readonly grpc: number;
  readonly flag: string;
  readonly message: string;
}

export const errorRegistry = {
  ROUTE_NOT_FOUND: entry(404, 5, 'NR', 'No route matches this request; ask the operator which models are served.'),
  PATH_NOT_FOUND: entry(404, 5, 'NP', 'This path is not served; see the documentation for the inference paths.'),
  METHOD_NOT_ALLOWED: entry(405, 12, 'NM', 'This path does not take this method.'),
  RULE_NOT_FOUND: entry(404, 5, 'NU', 'No rule of the route holds for this request.'),
  BAD_REQUEST: entry(400, 3, 'BR', 'The request is malformed.'),
  BAD_BODY: entry(400, 3, 'BB', 'The body cannot be read as this protocol needs it.'),
  BODY_TOO_LARGE: entry(413, 8, 'BL', 'The body is larger than this gateway accepts.'),
  HEADERS_TOO_LARGE: entry(431, 8, 'HL', 'The header section is larger than this gateway accepts.'),
  REQUEST_TIMEOUT: entry(408, 4, 'RT', 'The request was not received in time.'),
  ENTITY_MISSING: entry(422, 3, 'EM', 'The request does not carry the entity key that this route needs.'),
  FEATURE_MISSING: entry(422, 9, 'FM', 'A feature that this route needs was not found for this entity.'),
  FEATURE_STALE: entry(422, 9, 'FS', 'A feature that this route needs is older than allowed.'),
  FEATURES_UNAVAILABLE: entry(503, 14, 'FU', 'The features for this request cannot be read now; try again.'),
  NO_ENDPOINT: entry(503, 14, 'UH', 'No endpoint of the model is available now; try again.'),
  UPSTREAM_CONNECT: entry(503, 14, 'UF', 'The model could not be reached; try again.'),
  UPSTREAM_OVERLOADED: entry(503, 14, 'UO', 'Too many requests are waiting for the model; try again later.'),
  UPSTREAM_RESET: entry(502, 14, 'UC', 'The model closed the connection before its answer was complete.'),
  UPSTREAM_BAD_RESPONSE: entry(502, 13, 'UP', 'The model answered with something that is not a valid response.'),
  UPSTREAM_TIMEOUT: entry(504, 4, 'UT', 'The model did not answer in time.'),
  CLIENT_CLOSED: entry(499, 1, 'DC', 'The client closed the request.'),
  DRAINING: entry(503, 14, 'DR', 'The gateway is shutting down; try another replica.'),
  STATE_UNAVAILABLE: entry(503, 14, 'SU', 'The reward cannot be stored now; send it again later.'),
  NOT_READY: entry(503, 14, 'NY', 'The gateway is not ready.'),
  UNAUTHORIZED: entry(401, 16, 'UA', 'The request is not authenticated.'),
  INTERNAL: entry(500, 13, 'IE', 'The gateway failed to handle this request.'),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof errorRegistry;

/** Every code of the registry, in its order. */
export const errorCodes = Object.keys(errorRegistry) as ErrorCode[];

/**
 * An expected failure. It carries no stack: it is made on the request path, and its code says where it comes from.
 * `detail`, when given, replaces the registry's message towards the client and must be safe to show.
 * `internal` is for logs only. `grpc`, when given, replaces the registry's status of gRPC where more is known.
 */
export class GatewayError extends Error {
  readonly code: ErrorCode;
  readonly internal: string | undefined;
  readonly grpc: number;

  constructor(code: ErrorCode, detail?: string, internal?: string, grpc: number = errorRegistry[code].grpc) {
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    super(detail ?? errorRegistry[code].message);
    Error.stackTraceLimit = limit;
    this.name = 'GatewayError';
    this.code = code;
    this.internal = internal;
    this.grpc = grpc;
  }

  get status(): number {
    return errorRegistry[this.code].status;
  }
}

function entry(status: number, grpc: number, flag: string, message: string): ErrorEntry {
  return { status, grpc, flag, message };
}
