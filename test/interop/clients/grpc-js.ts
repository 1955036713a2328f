/** The gRPC client of Node, before MLServer: unary calls, streams, metadata, deadlines, cancellation. */
import { type ClientReadableStream, Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';

import {
  modelInferRequest,
  modelInferResponse,
  type ProtoRequest,
  type ProtoResponse,
} from '../../support/grpc-protos.ts';

const INFER = '/inference.GRPCInferenceService/ModelInfer';
const STREAM = '/inference.GRPCInferenceService/ModelStreamInfer';
const USERS = Array.from({ length: 8 }, (_, index) => `user-${index}`);

const addresses = JSON.parse(process.env['INTEROP'] ?? '{}') as Record<string, string>;

function connect(name: string): Client {
  return new Client(new URL(addresses[name] ?? '').host, credentials.createInsecure());
}

const server = connect('mlserverGrpc');
const makas = connect('makasGrpc');

function encode(request: ProtoRequest): Buffer {
  return modelInferRequest.encode(request);
}

function decode(bytes: Buffer): ProtoResponse {
  return modelInferResponse.decode(bytes);
}

interface Answer {
  readonly answer: ProtoResponse;
  readonly head: Metadata;
  readonly trailers: Metadata;
}

function metadataOf(user: string): Metadata {
  const metadata = new Metadata();
  metadata.set('x-user-id', user);
  return metadata;
}

function infer(client: Client, user: string, request: ProtoRequest, deadlineMs = 30_000): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let head = new Metadata();
    let found: ProtoResponse | undefined;
    const deadline = Date.now() + deadlineMs;
    const call = client.makeUnaryRequest(
      INFER,
      encode,
      decode,
      request,
      metadataOf(user),
      { deadline },
      (error, answer) => {
        if (error !== null) reject(error);
        found = answer;
      },
    );
    call.on('metadata', (metadata: Metadata) => (head = metadata));
    call.on('status', ({ metadata: trailers }: { metadata: Metadata }) => {
      if (found !== undefined) resolve({ answer: found, head, trailers });
    });
  });
}

function words(model: string, text: string): ProtoRequest {
  const contents = { bytes_contents: [Buffer.from(text)] };
  return { model_name: model, id: 's', inputs: [{ name: 'words', datatype: 'BYTES', shape: [1, 1], contents }] };
}

function flowers(model: string): ProtoRequest {
  const contents = { fp64_contents: [5.1, 3.5, 1.4, 0.2] };
  const inputs = [{ name: 'predict', datatype: 'FP64', shape: [1, 4], contents }];
  return { model_name: model, id: 'f', inputs, outputs: [{ name: 'predict_proba' }] };
}

function openStream(
  client: Client,
  user: string,
  requests: readonly ProtoRequest[],
): ClientReadableStream<ProtoResponse> {
  const call = client.makeBidiStreamRequest(STREAM, encode, decode, metadataOf(user), {
    deadline: Date.now() + 30_000,
  });
  for (const request of requests) call.write(request);
  call.end();
  return call;
}

/** All the tokens of a stream, then its status. */
async function readStream(stream: ClientReadableStream<ProtoResponse>): Promise<string[]> {
  const found: string[] = [];
  const ended = new Promise<string>((resolve) => {
    stream.on('status', ({ code, details }: { code: number; details: string }) => resolve(`${code} ${details}`));
  });
  stream.on('error', () => {});
  stream.on('data', (answer: ProtoResponse) => {
    const [output] = answer.outputs ?? [];
    found.push(`${answer.model_name} ${output?.contents?.bytes_contents?.map(String).join()}`);
  });
  const last = await ended;
  return [...found, last];
}

async function check(title: string, body: () => Promise<string | void>): Promise<void> {
  try {
    report(title, true, (await body()) ?? '');
  } catch (error) {
    report(title, false, String(error).slice(0, 1_000));
  }
}

function report(check: string, ok: boolean, detail: string): void {
  console.log(JSON.stringify({ check, ok, detail }));
}

function expect(holds: boolean, what: unknown): void {
  if (!holds) throw new Error(typeof what === 'string' ? what : JSON.stringify(what));
}

/** For each user, twice: what comes through Makas is what one of the two models gives. Both answer somebody. */
async function expectSame(
  ask: (client: Client, user: string, model: string) => Promise<unknown>,
  model: string,
): Promise<void> {
  const direct = await Promise.all(['a', 'b'].map((mark) => ask(server, '', `${model}-${mark}`)));
  const wanted = direct.map((each, index) => JSON.stringify(each).replaceAll(`${model}-${'ab'[index]}`, model));
  const seen = new Set<number>();
  for (const user of USERS) {
    for (let turn = 0; turn < 2; turn++) {
      const found = JSON.stringify(await ask(makas, user, model));
      expect(wanted.includes(found), `found ${found}, directly ${wanted.join(' or ')}`);
      seen.add(wanted.indexOf(found));
    }
  }
  expect(seen.size === 2, `only the models ${[...seen].join()} answered`);
}

async function errorOf(asked: Promise<unknown>): Promise<ServiceError> {
  try {
    await asked;
  } catch (error) {
    return error as ServiceError;
  }
  throw new Error('no error');
}

await check('a unary call, both models', () =>
  expectSame(async (client, user, model) => {
    const { answer } = await infer(client, user, flowers(model));
    const { parameters, ...rest } = answer;
    const { makas_decision: _, ...own } = parameters ?? {};
    return { ...rest, own };
  }, 'iris'),
);
await check('makas-backend, makas-decision and x-request-id as metadata', async () => {
  const { answer, head } = await infer(makas, 'user-1', flowers('iris'));
  const [decision] = head.get('makas-decision');
  expect(answer.parameters?.['makas_decision']?.string_param === decision, answer);
  expect(head.get('x-request-id').length === 1, head.getMap());
  return `makas-backend: ${String(head.get('makas-backend'))}`;
});
await check('a stream in both directions', () =>
  expectSame((client, user, model) => {
    return readStream(openStream(client, user, [words(model, 'one two three'), words(model, 'four')]));
  }, 'text'),
);
await check('a stream that ends with an error', () =>
  expectSame((client, user, model) => readStream(openStream(client, user, [words(model, 'one fail')])), 'text'),
);
await check('a cancelled stream', async () => {
  const stream = openStream(makas, 'user-1', [words('text', 'one '.repeat(5_000))]);
  stream.once('data', () => stream.cancel());
  const code = (await readStream(stream)).at(-1);
  expect(code?.startsWith(`${status.CANCELLED}`) === true, code);
  return code;
});
await check('an unknown model', async () => {
  const { code, details } = await errorOf(infer(makas, 'user-1', flowers('nobody')));
  expect(code === status.NOT_FOUND, details);
  return details;
});
await check('an error of the model', async () => {
  const request = { ...words('text', 'one'), parameters: { fail: { string_param: 'known' } } };
  const { code, details } = await errorOf(infer(makas, 'user-1', request));
  expect(code === status.INVALID_ARGUMENT && details === 'the model does not like this', `${code} ${details}`);
  return details;
});
await check('a deadline', async () => {
  const { code } = await errorOf(infer(makas, 'user-1', flowers('iris'), 1));
  expect(code === status.DEADLINE_EXCEEDED, String(code));
});
await check('200 calls at once on one connection', async () => {
  const calls = Array.from({ length: 200 }, (_, index) => infer(makas, `user-${index}`, flowers('iris')));
  expect(
    (await Promise.all(calls)).every(({ answer }) => answer.model_name === 'iris'),
    'another model',
  );
});

server.close();
makas.close();
