import { Buffer } from 'node:buffer';
import {
  createServer,
  request,
  type Server,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { buffer } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';

import type { Test } from 'tap';

import { buildRouteIndex } from '../../src/core/route-index.ts';
import type { Backend, Comparison, Route, Rule, Shadow, Snapshot } from '../../src/core/snapshot.ts';
import { UndiciUpstream } from '../../src/edges/upstream/undici-upstream.ts';
import { BanditLearner } from '../../src/gateway/bandits.ts';
import { Degradation } from '../../src/gateway/degradation.ts';
import { createEnricher } from '../../src/gateway/enrich.ts';
import { Gateway } from '../../src/gateway/gateway.ts';
import { ListedHeaders } from '../../src/gateway/request-headers.ts';
import { Mirror } from '../../src/gateway/mirror.ts';
import type { Clock, Logger, Metrics, Reply, StateStore } from '../../src/gateway/ports.ts';
import { DecisionTokens } from '../../src/gateway/token.ts';
import { headerList } from '../../src/protocol/header-block.ts';
import { parseInferencePath } from '../../src/protocol/paths/inference-path.ts';

const clock: Clock = { now: () => Date.now(), steady: () => performance.now() };

/** What was counted, set and observed, under `name label label`. */
export class Meter implements Metrics {
  readonly values = new Map<string, number>();
  readonly observed = new Map<string, number[]>();

  counter(...key: string[]) {
    return { inc: (by = 1) => void this.values.set(key.join(' '), this.of(key.join(' ')) + by) };
  }

  gauge(...key: string[]) {
    return { ...this.counter(...key), set: (value: number) => void this.values.set(key.join(' '), value) };
  }

  histogram(...key: string[]) {
    const all: number[] = [];
    this.observed.set(key.join(' '), all);
    return { observe: (value: number) => void all.push(value) };
  }

  of(key: string): number {
    return this.values.get(key) ?? 0;
  }
}

/** Lines of level info and above, with their fields. */
export class Journal implements Logger {
  readonly infos: Record<string, unknown>[] = [];
  readonly errors: object[] = [];
  debug(): void {}
  info(fields: object): void {
    this.infos.push({ ...fields });
  }
  warn(fields: object): void {
    this.errors.push(fields);
  }
  error(fields: object): void {
    this.errors.push(fields);
  }
}

/** Waits until the condition holds; the time limit of the test bounds it. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await setImmediate();
}

export interface Received {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The client's side of the connection. */
  readonly port: number;
}

/** Listens on a free port, which it resolves to. */
async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** A model server of this test. */
export class Model {
  readonly received: Received[] = [];
  readonly waiting: ServerResponse[] = [];
  url = '';
  under = 0;
  mostUnder = 0;
  /** Requests whose connection was closed before they were answered. */
  left = 0;
  answer: (response: ServerResponse, body: Buffer) => void;

  constructor(answer: Model['answer']) {
    this.answer = answer;
  }

  async listen(t: Test): Promise<this> {
    const server = createServer((incoming, response) => void this.#take(incoming, response));
    this.url = `http://127.0.0.1:${await listen(server)}`;
    t.teardown(() => {
      server.closeAllConnections();
      server.close();
    });
    return this;
  }

  async #take(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    this.under++;
    this.mostUnder = Math.max(this.mostUnder, this.under);
    response.on('close', () => {
      this.under--;
      if (!response.writableFinished) this.left++;
    });
    const body = await buffer(incoming).catch(() => null);
    if (body === null) return;
    this.received.push({
      url: incoming.url ?? '',
      headers: incoming.headers,
      body,
      port: incoming.socket.remotePort ?? 0,
    });
    this.answer(response, body);
  }

  /** Never answers; the responses are kept. */
  static hanging(t: Test): Promise<Model> {
    const model: Model = new Model((response) => void model.waiting.push(response));
    return model.listen(t);
  }

  static answering(t: Test, body: string | Buffer, status = 200, headers: Record<string, string> = {}): Promise<Model> {
    const all = { 'content-type': 'application/json', ...headers };
    return new Model((response) => response.writeHead(status, all).end(body)).listen(t);
  }
}

/** An answer of the Open Inference Protocol with one output of floats. */
export function scores(...data: number[]): string {
  return JSON.stringify({ model_name: 'm', outputs: [{ name: 'y', datatype: 'FP64', shape: [data.length], data }] });
}

export const exact: Comparison = { tolerance: 0, relative: 0, labels: false, outputs: null };

export type ShadowSettings = Partial<Omit<Shadow, 'backend'>> &
  Pick<Model, 'url'> & { readonly protocol?: Backend['protocol'] };

function makeBackend(
  index: number,
  name: string,
  url: string,
  protocol: Backend['protocol'],
  model: string | null,
  connections: number,
): Backend {
  const connection = {
    connectTimeoutMs: 1000,
    keepAliveMs: 4000,
    connections,
    queue: 1024,
    maxAnswerBytes: 1 << 28,
    tls: null,
  };
  const endpoints = url === '' ? [] : [{ origin: url, prefix: '', id: url, isGrpc: false }];
  const translation = { tensor: 'predict', float: 'FP32', datatypes: new Map(), binary: true } as const;
  const timeoutMs = 20_000;
  return { index, name, protocol, endpoints, model, version: null, timeoutMs, headers: [], connection, translation };
}

export function makeSnapshot(primary: Model, shadows: readonly ShadowSettings[], connections = 64): Snapshot {
  const backend = makeBackend(0, 'one', primary.url, 'oip', null, connections);
  const compiled = shadows.map(({ url, protocol, ...settings }, i): Shadow => ({
    backend: makeBackend(i + 1, `shadow-${i}`, url, protocol ?? 'oip', i === 1 ? 'renamed' : null, connections),
    share: 1,
    salt: 'salt',
    start: 'after',
    timeoutMs: 20_000,
    concurrency: 16,
    queue: 256,
    maxBodyBytes: 1 << 20,
    compare: exact,
    logShare: 1,
    ...settings,
  }));
  const always = { holds: () => true, parts: [] };
  const rule: Rule = {
    index: 0,
    name: 'live',
    when: always,
    enrich: [],
    choice: { kind: 'backend', backend },
    shadows: compiled,
    timeoutMs: 20_000,
    retries: 0,
    logShare: 0,
    salt: 'rule',
    holdsBody: true,
    protocols: ['oip'],
  };
  const route: Route = {
    index: 0,
    name: 'iris',
    match: always,
    unit: { from: 'request' },
    unitText: 'request',
    expose: false,
    seldonRoute: false,
    decisionParameter: null,
    allowed: new Set(),
    rules: [rule],
    readsBody: false,
  };
  return {
    hash: '0000000000000000',
    backends: [backend, ...compiled.map((shadow) => shadow.backend)],
    views: [],
    bandits: [],
    routes: [route],
    index: buildRouteIndex([route], [{ models: null, paths: null }]),
    limits: { bodyBytes: 1 << 26, bufferBytes: 1 << 20, rows: 1024 },
    prefix: '',
    mounts: [],
  };
}

/** A gateway with a plain `node:http` server in front of it. */
export interface Rig {
  readonly gateway: Gateway;
  readonly mirror: Mirror;
  readonly meter: Meter;
  readonly journal: Journal;
  readonly upstream: UndiciUpstream;
  post(body?: string | Buffer, headers?: Record<string, string>, signal?: AbortSignal): Promise<Reception>;
}

export interface Reception {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export async function startRig(t: Test, snapshot: Snapshot): Promise<Rig> {
  const meter = new Meter();
  const journal = new Journal();
  const upstream = new UndiciUpstream();
  const mirror = new Mirror({ upstream, clock, metrics: meter, logger: journal });
  const gateway = new Gateway(snapshot, {
    clock,
    logger: journal,
    upstream,
    enricher: createEnricher({ stores: unused, clock, metrics: meter, logger: journal }),
    learner: makeLearner(journal, meter),
    mirror,
    tracer: { begin: () => null },
    decodeBody: () => null,
    sinks: [],
    started: meter.counter('started'),
    inflight: meter.gauge('inflight'),
    countError: () => {},
    onRetired: (alive) => {
      const backends = alive.flatMap((snapshot) => snapshot.backends);
      upstream.retain(new Set([...backends.flatMap((one) => one.endpoints.map(({ id }) => id)), ...mirror.poolIds()]));
    },
  });
  const server = createServer((incoming, response) => void serve(gateway, incoming, response));
  const port = await listen(server);
  t.teardown(async () => {
    server.closeAllConnections();
    server.close();
    mirror.close();
    await upstream.close();
  });
  const post: Rig['post'] = (body = '{"inputs":[]}', headers = {}, signal) =>
    new Promise((resolve, reject) => {
      const options = {
        port,
        method: 'POST',
        path: '/v2/models/m/infer',
        headers,
        ...(signal === undefined ? {} : { signal }),
      };
      const outgoing = request(options, (answer) => {
        buffer(answer).then(
          (body) => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body }),
          reject,
        );
      });
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  return { gateway, mirror, meter, journal, upstream, post };
}

/** No rule here learns or enriches, so nothing asks for state or features. */
function unused(): never {
  throw new Error('neither state nor features are used here');
}

function makeLearner(logger: Logger, metrics: Metrics): BanditLearner {
  const store: StateStore = {
    kind: 'embedded',
    signingKey: unused,
    addRewards: unused,
    addServed: unused,
    closeWindows: unused,
    readSums: unused,
    isHealthy: () => true,
    close: unused,
  };
  const tokens = new DecisionTokens(new Uint8Array(32));
  const degradation = new Degradation('state', metrics.gauge('degraded'), logger);
  return new BanditLearner({ store, tokens, clock, logger, metrics, degradation });
}

async function serve(gateway: Gateway, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = incoming.url ?? '';
  const meaning = parseInferencePath(path);
  if (meaning === null) return void response.writeHead(404).end();
  const { method = '', rawHeaders, headers } = incoming;
  const exchange = gateway.open(
    { method, path, query: '', meaning, headers: new ListedHeaders(rawHeaders) },
    replyTo(response),
  );
  response.on('close', () => {
    if (!response.writableFinished) gateway.abandon(exchange);
  });
  if (headers['x-stream'] === '1') {
    exchange.body = { kind: 'stream', length: null, source: incoming };
  } else {
    exchange.body = await buffer(incoming);
    exchange.facts.setBody(exchange.body);
  }
  gateway.predict(exchange);
}

function replyTo(response: ServerResponse): Reply {
  return {
    send: (status, headers, body) =>
      void response.writeHead(status, headerList(headers)).end(body === null ? undefined : Buffer.from(body)),
    head: (status, headers) => void response.writeHead(status, headerList(headers)),
    write: (chunk) => response.write(Buffer.from(chunk)),
    end: () => void response.end(),
    destroy: () => void response.destroy(),
    onDrain: (callback) => void response.on('drain', callback),
  };
}
