import { Agent, request, type IncomingMessage } from 'node:http';
import type { AnyCase, Case } from './scenario.ts';

const PROBE_MS = 5_000;
const PROBES = 8;
const SHOWN_CHARS = 1_000;

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

/** One exchange on a connection of its own. */
export async function ask(options: Parameters<typeof request>[1] & object, body?: string): Promise<Answer> {
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

/** Text for an error message, cut when it is long. */
export function excerpt(text: string): string {
  return text.length <= SHOWN_CHARS ? text : `${text.slice(0, SHOWN_CHARS)}... (${text.length} characters)`;
}

/** Sends request n; throws unless the answer is 200 with exactly the expected bytes. */
export async function probeOne(name: string, port: number, wanted: Case, n: number): Promise<void> {
  const { method, path, headers, body } = wanted.request(n);
  const sent = { ...headers, 'content-length': String(Buffer.byteLength(body)) };
  const answer = await ask({ port, method, path, headers: sent }, body).catch((cause: unknown) => {
    throw new Error(`${name} did not answer request ${n}: ${String(cause)}`, { cause });
  });
  if (answer.status === 200 && answer.body.equals(Buffer.from(wanted.answer.body))) return;
  throw new Error(
    `${name} gave a wrong answer to request ${n}: status ${answer.status}, body ${excerpt(answer.body.toString())}\n` +
      `expected: status 200, body ${excerpt(wanted.answer.body)}`,
  );
}

/** The numbers of a few requests, spread over all of them. */
export function probeNumbers(wanted: AnyCase): number[] {
  const all = Array.from({ length: PROBES }, (_, n) => Math.floor((n * wanted.requests) / PROBES));
  return [...new Set(all)];
}

/** Sends a few requests; throws on the first wrong answer. */
export async function probe(name: string, port: number, wanted: Case): Promise<void> {
  for (const n of probeNumbers(wanted)) await probeOne(name, port, wanted, n);
}
