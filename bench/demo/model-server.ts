import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { parseArgs } from 'node:util';
import { BadRequest, infer } from './infer.ts';
import { compileScorer, readModel, type Model } from './model.ts';

export type ModelServerOptions = {
  readonly model: Model;
  /** The model's name in paths and answers; several versions of one model carry the same. */
  readonly name: string;
  /** Default "1". */
  readonly version?: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Held back before each answer to a predict request, for demonstrations of slowness. Default 0. */
  readonly latencyMs?: number;
};

export type ModelServer = {
  readonly url: string;
  /** Answers what is under way, for at most a second, and ends. */
  readonly close: () => Promise<void>;
  /** How many predict requests have come in whole, well formed or not. */
  readonly requests: () => number;
};

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const maxBodyBytes = 1024 * 1024;
const closeGraceMs = 1000;

/** Serves one model with the REST form of the Open Inference Protocol V2, with nothing but `node:http`. */
export async function startModelServer(options: ModelServerOptions): Promise<ModelServer> {
  const { model, name, version = '1', port, host = '127.0.0.1', latencyMs = 0 } = options;
  const score = compileScorer(model);
  let requests = 0;
  let isClosing = false;

  const answerInfer: Answer = (request, response) => {
    readBody(request, response, (body) => {
      requests++;
      const [status, answer] = tryInfer(() => infer(model, score, name, version, body));
      if (latencyMs > 0) setTimeout(() => send(response, status, answer), latencyMs);
      else send(response, status, answer);
    });
  };
  const routes = createRoutes(name, version, describeModel(model, name, version), answerInfer);

  const server = createServer((request, response) => {
    if (isClosing) response.setHeader('connection', 'close');
    const path = pathOf(request.url ?? '/');
    const methods = routes.get(path);
    const answer = methods?.get(request.method ?? 'GET');
    if (answer !== undefined) answer(request, response);
    else if (methods !== undefined) refuse(request, response, 405, `${request.method} is not allowed here`);
    else refuse(request, response, 404, `nothing at ${path}; the model here is "${name}", version "${version}"`);
  });
  // Longer than clients keep idle connections, so that none of them writes into a closing one.
  server.keepAliveTimeout = 75_000;
  server.listen(port, host);
  await once(server, 'listening');

  const close = async () => {
    isClosing = true;
    const closed = once(server, 'close');
    server.close();
    const grace = setTimeout(() => server.closeAllConnections(), closeGraceMs);
    await closed;
    clearTimeout(grace);
  };
  const address = server.address();
  const boundPort = typeof address === 'object' ? address?.port : undefined;
  return { url: `http://${host}:${boundPort}`, close, requests: () => requests };
}

function createRoutes(name: string, version: string, metadata: unknown, answerInfer: Answer) {
  const fixed = (value: unknown): ReadonlyMap<string, Answer> => {
    const body = JSON.stringify(value);
    return new Map([['GET', (_request: IncomingMessage, response: ServerResponse) => send(response, 200, body)]]);
  };
  const post: ReadonlyMap<string, Answer> = new Map([['POST', answerInfer]]);
  const routes = new Map([
    ['/v2', fixed({ name: 'makas-demo-model-server', version: '1', extensions: [] })],
    ['/v2/health/live', fixed({ live: true })],
    ['/v2/health/ready', fixed({ ready: true })],
    ['/v2/models', fixed({ models: [name] })],
  ]);
  const modelPath = `/v2/models/${encodeURIComponent(name)}`;
  for (const path of [modelPath, `${modelPath}/versions/${encodeURIComponent(version)}`]) {
    routes.set(path, fixed(metadata));
    routes.set(`${path}/ready`, fixed({ name, ready: true }));
    routes.set(`${path}/infer`, post);
  }
  return routes;
}

function describeModel(model: Model, name: string, version: string): unknown {
  return {
    name,
    versions: [version],
    platform: 'makas-demo_logistic-regression',
    inputs: [
      { name: 'quick', datatype: 'FP32', shape: [-1, model.quick.length] },
      { name: 'lab', datatype: 'FP32', shape: [-1, model.lab.length], parameters: { optional: true } },
    ],
    outputs: [
      { name: 'label', datatype: 'INT64', shape: [-1] },
      { name: 'probability', datatype: 'FP32', shape: [-1] },
    ],
  };
}

function tryInfer(run: () => unknown): [status: number, body: string] {
  try {
    return [200, JSON.stringify(run())];
  } catch (error) {
    if (error instanceof BadRequest) return [400, JSON.stringify({ error: error.message })];
    throw error;
  }
}

function readBody(request: IncomingMessage, response: ServerResponse, then: (body: string) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= maxBodyBytes) chunks.push(chunk);
    else if (!response.headersSent) refuse(request, response, 413, `the body is larger than ${maxBodyBytes} bytes`);
  });
  request.on('end', () => {
    if (bytes <= maxBodyBytes) then(Buffer.concat(chunks).toString());
  });
}

function refuse(request: IncomingMessage, response: ServerResponse, status: number, error: string): void {
  request.resume();
  send(response, status, JSON.stringify({ error }));
}

function send(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

function pathOf(url: string): string {
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      model: { type: 'string' },
      name: { type: 'string' },
      version: { type: 'string', default: '1' },
      port: { type: 'string', default: '0' },
      host: { type: 'string', default: '127.0.0.1' },
      'latency-ms': { type: 'string', default: '0' },
    },
  });
  if (values.model === undefined) throw new Error('usage: model-server.ts --model FILE [--name NAME] [--port PORT]');
  const model = readModel(values.model);
  const { version, host } = values;
  const [port, latencyMs] = [Number(values.port), Number(values['latency-ms'])];
  const server = await startModelServer({ model, name: values.name ?? model.name, version, port, host, latencyMs });
  console.log(`model ${values.name ?? model.name} at ${server.url}`);
  const stop = () => void server.close();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
}

if (import.meta.main) await main();
