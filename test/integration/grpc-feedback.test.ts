import { Buffer } from 'node:buffer';

import {
  Client,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServiceError,
  status,
  type StatusObject,
} from '@grpc/grpc-js';
import type { Test } from 'tap';

import { startWith } from '../support/grpc-gateway.ts';
import { test } from '../support/lanes.ts';
import { seldonFeedback, seldonMessage, type SeldonProto } from '../support/seldon-protos.ts';
import { until } from '../support/traffic.ts';

const ANSWER: SeldonProto = {
  meta: { puid: 'p', tags: { team: { string_value: 'a' } }, routing: { eg: 1 } },
  data: { names: ['y'], tensor: { shape: [1, 1], values: [0.5] } },
};

const OF_MODEL: SeldonProto = { meta: { puid: 'from the model' } };
const BANDIT =
  '{ name: live, bandit: { policy: thompson, arms: [a, b], reward: { kind: gaussian, min: 0, max: 0.7, wait: 10m } } }';

interface Asked {
  readonly backend: string;
  readonly puid: string;
  readonly path: string;
  readonly body: Buffer;
}

interface Answer {
  readonly code: status;
  readonly details: string;
  readonly message: SeldonProto;
  readonly head: Metadata;
  /** The trailers; an error may have nothing else. */
  readonly tail: Metadata;
}

async function setUp(t: Test, route = '', rule = BANDIT) {
  const asked: Asked[] = [];
  const bytes = (buffer: Buffer) => buffer;
  const method = (name: string) => ({
    path: `/seldon.protos.Seldon/${name}`,
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  });
  type Call = { readonly request: Buffer; readonly metadata: Metadata };
  const startBackend = async (backend: string): Promise<string> => {
    const answer = (path: string, message: SeldonProto) => (call: Call, done: (e: null, m: Buffer) => void) => {
      asked.push({ backend, puid: String(call.metadata.get('seldon-puid')[0]), path, body: call.request });
      done(null, seldonMessage.encode(message));
    };
    const server = new Server();
    server.addService(
      { Predict: method('Predict'), SendFeedback: method('SendFeedback') },
      { Predict: answer('Predict', ANSWER), SendFeedback: answer('SendFeedback', OF_MODEL) },
    );
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    t.teardown(() => server.forceShutdown());
    return `  ${backend}: { protocol: seldon-v1-grpc, endpoints: ['http://127.0.0.1:${port}'] }`;
  };
  const gateway = await startWith({
    backends: `${await startBackend('a')}\n${await startBackend('b')}`,
    routes: `  - name: ranker
    match: { model: ranker }
    ${route}
    rules: [${rule}]`,
  });
  const client = new Client(new URL(gateway.grpcUrl).host, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
  });
  t.teardown(async () => {
    client.close();
    await gateway.close();
  });
  const call = (name: string, body: Buffer, metadata: Readonly<Record<string, string>> = {}): Promise<Answer> =>
    new Promise((resolve) => {
      const fields = new Metadata();
      for (const [key, value] of Object.entries({ seldon: 'ranker', ...metadata })) fields.set(key, value);
      let head = new Metadata();
      let message: SeldonProto = {};
      const { path } = method(name);
      const under = client.makeUnaryRequest(
        path,
        bytes,
        seldonMessage.decode.bind(seldonMessage),
        body,
        fields,
        (_error: ServiceError | null, value?: SeldonProto) => {
          message = value ?? {};
        },
      );
      under.on('metadata', (got: Metadata) => (head = got));
      under.on('status', ({ code, details, metadata: tail }: StatusObject) => {
        setImmediate(() => resolve({ code, details, message, head, tail }));
      });
    });
  const counted = async (): Promise<number> => {
    const { bandits } = (await (await fetch(`${gateway.adminUrl}/admin/bandits`)).json()) as {
      bandits: { arms: { count: number }[] }[];
    };
    return bandits[0]!.arms.reduce((sum, { count }) => sum + count, 0);
  };
  return { asked, call, counted, gateway };
}

test('a Seldon client over gRPC teaches a bandit with nothing but its own feedback', async (t) => {
  const { asked, call, counted } = await setUp(t);
  const request: SeldonProto = { data: { tensor: { shape: [1, 1], values: [1] } } };
  const { code, message: response, head } = await call('Predict', seldonMessage.encode(request));
  t.equal(code, status.OK);
  const token = response.meta?.tags?.['makas-decision']?.string_value;
  t.ok(token);
  t.equal(token, head.get('makas-decision')[0]);
  const { tags, routing } = response.meta ?? {};
  t.strictSame(response, { ...ANSWER, meta: { ...ANSWER.meta, tags, routing } }, 'all else stays');
  t.match(routing, { eg: 1, ranker: /^[01]$/ });
  t.strictSame(response.meta?.tags?.['team'], { string_value: 'a' });
  const feedback = seldonFeedback.encode({ request, response, reward: 0.7 });
  for (const sent of ['first', 'again']) {
    const taken = await call('SendFeedback', feedback);
    t.equal(taken.code, status.OK, `${sent}: ${taken.details}`);
    t.strictSame(taken.message, { status: { code: 200 }, meta: {} });
    t.strictSame(taken.head.get('seldon-puid'), taken.head.get('x-request-id'));
    t.equal(taken.head.get('seldon-puid').length, 1);
  }
  await until('the reward is there', async () => (await counted()) === 1);
  t.strictSame(
    asked.map(({ path }) => path),
    ['Predict'],
    'the deployment gets none of it',
  );
});

test('what is wrong with a reward over gRPC is told by a status', async (t) => {
  const { call, gateway } = await setUp(t);
  const { message: response, head } = await call('Predict', Buffer.alloc(0));
  const send = (reward: number, tagged: SeldonProto = response) =>
    call('SendFeedback', seldonFeedback.encode({ response: tagged, reward }));
  t.match(await send(2), { code: status.INVALID_ARGUMENT, details: /from 0 to 0\.7/ });
  const forged = { meta: { tags: { 'makas-decision': { string_value: 'A'.repeat(68) } } } };
  const denied = await send(0.5, forged);
  t.match(denied, { code: status.PERMISSION_DENIED, details: /not a token/ });
  t.strictSame(denied.tail.get('makas-error'), ['BAD_REQUEST']);
  t.ok(denied.tail.get('x-request-id')[0]);
  const rewards = { decision: head.get('makas-decision')[0], reward: 0.5, id: 'another' };
  await fetch(`${gateway.url}/rewards`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(rewards),
  });
  t.match(await send(0.25), { code: status.ALREADY_EXISTS, details: /first one stays/ });
  t.match(await call('SendFeedback', Buffer.from([0x12, 5, 0])), { code: status.INVALID_ARGUMENT });
  const named = await call('Predict', Buffer.alloc(0));
  const metadata = { 'makas-decision': String(named.head.get('makas-decision')[0]) };
  t.not(metadata['makas-decision'], head.get('makas-decision')[0]);
  const byHeader = await call('SendFeedback', seldonFeedback.encode({ reward: 0.5 }), metadata);
  t.match(byHeader, { code: status.OK, message: { status: { code: 200 } } }, 'metadata names a decision as well');
});

test('feedback over gRPC without a token is for the deployment, and goes to the arm that it names', async (t) => {
  const { asked, call, gateway } = await setUp(t);
  for (const [routing, backend] of [
    [{ eg: 1 }, 'a'],
    [{ eg: 0, ranker: 1 }, 'b'],
    [{ ranker: 0 }, 'a'],
    [{ ranker: -1 }, 'a'],
    [{ ranker: 2 }, 'a'],
  ] as const) {
    const response = { ...ANSWER, meta: { routing } };
    const body = seldonFeedback.encode({ response, reward: 1 });
    const answer = await call('SendFeedback', body, { 'seldon-puid': 'mine' });
    t.match(answer, { code: status.OK, message: OF_MODEL });
    t.strictSame(asked.at(-1), { backend, puid: 'mine', path: 'SendFeedback', body });
  }
  t.notMatch(await gateway.metrics(), /makas_rewards_total\{/);
});

test('the answer of a split over gRPC names the arm, and every answer has a puid', async (t) => {
  const { asked, call } = await setUp(t, 'expose: true', '{ name: live, split: { a: 50, b: 50 } }');
  const children = new Set<number>();
  for (let i = 0; i < 20; i++) {
    const { message, head } = await call('Predict', Buffer.alloc(0), i % 2 === 0 ? { 'seldon-puid': `p${i}` } : {});
    const child = head.get('makas-backend')[0] === 'a' ? 0 : 1;
    t.strictSame(message, { ...ANSWER, meta: { ...ANSWER.meta, routing: { eg: 1, ranker: child } } });
    const puid = i % 2 === 0 ? `p${i}` : String(head.get('x-request-id')[0]);
    t.strictSame(head.get('seldon-puid'), [puid]);
    t.equal(asked.at(-1)!.puid, puid);
    children.add(child);
  }
  t.equal(children.size, 2);
  const refused = await call('SendFeedback', Buffer.from([0x12, 5, 0]), { 'seldon-puid': 'mine' });
  t.strictSame(refused.tail.get('seldon-puid'), ['mine']);
});

test('the tag of the token has the name that the route gives it', async (t) => {
  const { call } = await setUp(t, 'decisionParameter: ours');
  const { message: response, head } = await call('Predict', Buffer.alloc(0));
  t.equal(response.meta?.tags?.['ours']?.string_value, head.get('makas-decision')[0]);
  const taken = await call('SendFeedback', seldonFeedback.encode({ response, reward: 0 }));
  t.strictSame(taken.message, { status: { code: 200 }, meta: {} }, 'a reward of 0 is not on the wire');
});
