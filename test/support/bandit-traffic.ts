import { startServer, answerInfer } from './model-server.ts';
import { startGateway, configHead, type TestGateway } from './gateway.ts';
import { INFER_BODY, forEachOf, inferPath, openClient, range, type Client } from './traffic.ts';
import type { Test } from 'tap';

/** A decision that a client got, and what it has to send back. */
export interface Served {
  readonly decision: string;
  readonly arm: string;
  readonly id: string;
}

export interface RewardAnswer {
  readonly status: number;
  readonly counted: number;
  readonly results: readonly { readonly decision: string; readonly result: string; readonly message?: string }[];
}

export interface BanditTraffic {
  readonly gateway: TestGateway;
  readonly client: Client;
  /** Takes other rules of the route `rank`, which serves the model `rank`, live. */
  readonly rewrite: (rules: string) => Promise<void>;
  readonly serve: (count: number) => Promise<Served[]>;
  readonly reward: (body: unknown) => Promise<RewardAnswer>;
}

/** A gateway with arms a, b and c, which all answer alike, and a client of it. */
export async function startBandit(t: Test, rules: string, folder?: string): Promise<BanditTraffic> {
  const server = await startServer((request, response) => {
    server.received.length = 0;
    answerInfer('any')(request, response);
  });
  t.teardown(() => server.close());
  const config = (own: string, ruleText: string): string => `${configHead(folder ?? own)}
log: { decisions: 100% }
backends:
  a: { protocol: oip, endpoints: ['${server.url}'] }
  b: { protocol: oip, endpoints: ['${server.url}'] }
  c: { protocol: oip, endpoints: ['${server.url}'] }
routes:
  - name: rank
    match: { model: rank }
    expose: true
    rules: ${ruleText}
`;
  const gateway = await startGateway((own) => config(own, rules));
  t.teardown(() => gateway.close());
  const client = openClient(gateway.url);
  t.teardown(() => client.close());
  let served = 0;
  return {
    gateway,
    client,
    rewrite: (ruleText) => gateway.rewrite(config(gateway.folder, ruleText)),
    serve(count) {
      const from = served;
      served += count;
      return forEachOf(range(count, from), 8, async (i) => {
        const id = `request-${i}`;
        const { status, headers } = await client.post(inferPath('rank'), INFER_BODY, { 'x-request-id': id });
        if (status !== 200) throw new Error(`status ${status}`);
        return { decision: String(headers['makas-decision']), arm: String(headers['makas-backend']), id };
      });
    },
    async reward(body) {
      const { status, text } = await client.post('/rewards', body);
      return { status, ...(JSON.parse(text) as Omit<RewardAnswer, 'status'>) };
    },
  };
}
