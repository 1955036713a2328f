import { test as tapTest, type Test } from 'tap';
import { parseDocument } from 'yaml';

/** How clients and model servers are reached: by plain sockets, or by Fastify on node:http, by undici and by node:http2. */
export type Lane = 'express' | 'main';

const lanes: readonly Lane[] = ['express', 'main'];

/** The lane of the test that runs now: tests of one file run one after another. */
let current: Lane = 'express';

/** A test of behaviour that no client may tell the lanes apart by: runs once on each. */
export function test(name: string, body: (t: Test) => Promise<void> | void): void {
  for (const lane of lanes) {
    void tapTest(`${name} (${lane} lane)`, async (t) => {
      current = lane;
      await body(t);
    });
  }
}

/** The configuration for the lane of the test that runs now. What is no configuration stays as it is. */
export function onLane(yaml: string): string {
  if (current === 'express') return yaml;
  const document = parseDocument(yaml);
  if (document.errors.length > 0 || !document.hasIn(['listen', 'http'])) return yaml;
  for (const listener of ['http', 'grpc'])
    if (document.hasIn(['listen', listener])) document.setIn(['listen', listener, 'express'], false);
  return document.toString();
}

/** For tests with different rules for the lanes, such as which one took a request. */
export function currentLane(): Lane {
  return current;
}
