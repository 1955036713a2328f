import { Agent, request, type IncomingMessage } from 'node:http';
import { unitName, type Scenario } from './scenario.ts';

const PROBE_MS = 5_000;
const PROBES = 8;

interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

async function ask(options: Parameters<typeof request>[1] & object, body?: string): Promise<Answer> {
  const agent = new Agent();
  try {
    const outgoing = request({ host: '127.0.0.1', agent, signal: AbortSignal.timeout(PROBE_MS), ...options });
    const incoming = await new Promise<IncomingMessage>((resolve, reject) => {
      outgoing.once('response', resolve);
      outgoing.once('error', reject);
      outgoing.end(body);
    });
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    return { status: incoming.statusCode ?? 0, body: Buffer.concat(chunks) };
  } finally {
    agent.destroy();
  }
}

/** True when GET `path` answers 200, false when it answers anything else or not at all. */
export async function isAnswering(port: number, path: string): Promise<boolean> {
  try {
    return (await ask({ port, path })).status === 200;
  } catch {
    return false;
  }
}

/** Sends the scenario's request for a few units; throws unless each answer is 200 with exactly the expected bytes. */
export async function probe(name: string, port: number, scenario: Scenario): Promise<void> {
  const { method, path, headers, body } = scenario.request;
  const expected = Buffer.from(scenario.answer.body);
  for (let n = 0; n < PROBES; n += 1) {
    const unit = unitName(Math.floor((n * scenario.units) / PROBES));
    const sent = { ...headers, [scenario.unitHeader]: unit, 'content-length': String(Buffer.byteLength(body)) };
    const answer = await ask({ port, method, path, headers: sent }, body);
    if (answer.status === 200 && answer.body.equals(expected)) continue;
    throw new Error(
      `${name} gave a wrong answer to unit ${unit}: status ${answer.status}, body ${answer.body.toString()}\n` +
        `expected: status 200, body ${scenario.answer.body}`,
    );
  }
}
