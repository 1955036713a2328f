import { Pool } from 'undici';
import { quickFeatures, labFeatures, readStoreRows, type DemoRequest } from './dataset.ts';
import { readDemoModel } from './model.ts';

/** What came back for one sample. */
export interface Answer {
  readonly label: number;
  /** Name of the backend, as the gateway exposes it; empty when a model server answered directly. */
  readonly backend: string;
  /** Token for the reward, where a bandit decided. */
  readonly decision: string | null;
  /** From sending the request until the whole answer was there. */
  readonly tookMs: number;
}

type Headers = Readonly<Record<string, string>>;
type Tensor = { readonly name: string; readonly datatype: string; readonly shape: number[]; readonly data: number[] };

const CONNECTIONS = 32;
/** A server that hangs must not make the demo hang. */
const TIMEOUT_MS = 10_000;

/** One server of HTTP, over kept connections. */
export class Client {
  readonly #pool: Pool;

  constructor(url: string) {
    this.#pool = new Pool(url, {
      connections: CONNECTIONS,
      keepAliveTimeout: 60_000,
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
    });
  }

  /** Asks a model. Rejects unless the answer is 200 and has a label. */
  async infer(model: string, body: string, headers: Headers = {}): Promise<Answer> {
    const path = `/v2/models/${model}/infer`;
    const startMs = performance.now();
    const response = await this.#pool.request({
      method: 'POST',
      path,
      headers: { 'content-type': 'application/json', ...headers },
      body,
    });
    const text = await response.body.text();
    const tookMs = performance.now() - startMs;
    if (response.statusCode !== 200) throw new Error(`POST ${path}: ${response.statusCode} ${text}`);
    const { outputs }: { outputs: Tensor[] } = JSON.parse(text);
    const label = outputs.find((output) => output.name === 'label')?.data[0];
    if (label === undefined) throw new Error(`POST ${path}: the answer has no label: ${text}`);
    return {
      label,
      backend: String(response.headers['makas-backend'] ?? ''),
      decision: response.headers['makas-decision']?.toString() ?? null,
      tookMs,
    };
  }

  /** Sends JSON and returns the text of the answer, whatever its status. */
  async post(path: string, value: unknown): Promise<string> {
    const headers = { 'content-type': 'application/json' };
    const response = await this.#pool.request({ method: 'POST', path, headers, body: JSON.stringify(value) });
    return response.body.text();
  }

  /** Rejects unless the answer is 200. */
  async get(path: string): Promise<string> {
    const response = await this.#pool.request({ method: 'GET', path });
    const text = await response.body.text();
    if (response.statusCode !== 200) throw new Error(`GET ${path}: ${response.statusCode} ${text}`);
    return text;
  }

  close(): Promise<void> {
    return this.#pool.destroy();
  }
}

/** What a client knows: the sample's id and three quick measurements. */
export function describeSample({ sample_id, quick }: DemoRequest): object {
  return { parameters: { sample_id }, inputs: [tensor('quick', quickFeatures.length, quick)] };
}

/** What the gateway makes of it: the lab's values too. To ask a model server the same without a gateway. */
export function describeWithLab(requests: readonly DemoRequest[]): string[] {
  const { labDefaults } = readDemoModel('strong');
  const rows = new Map(readStoreRows().map((row) => [row.key, row]));
  return requests.map(({ sample_id, quick }) => {
    const row = rows.get(sample_id);
    const lab = labFeatures.map((name) => Number(row?.[name] ?? labDefaults[name]));
    const inputs = [tensor('quick', quickFeatures.length, quick), tensor('lab', labFeatures.length, lab)];
    return JSON.stringify({ parameters: { sample_id }, inputs });
  });
}

function tensor(name: string, width: number, data: readonly number[]): Tensor {
  return { name, datatype: 'FP32', shape: [1, width], data: [...data] };
}
