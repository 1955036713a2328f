import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { CallClient } from '../grpc-client.ts';
import type { CheckOrder, CheckResult } from './grpc-check.ts';

/** Calls under way at once. */
const WIDTH = 8;

const order: CheckOrder = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8'));
const calls = order.calls.map((each) => ({ ...each, message: Buffer.from(each.message, 'hex') }));
const answer = Buffer.from(order.answer, 'hex');
const client = new CallClient(order.port);
const endMs = performance.now() + order.seconds * 1_000;
let [next, checked, wrongStatus, wrongBody] = [0, 0, 0, 0];

async function keepCalling(): Promise<void> {
  while (performance.now() < endMs) {
    const call = calls[next++ % calls.length];
    if (call === undefined) return;
    const { code, message } = await client.call(call);
    checked += 1;
    if (code !== 0) wrongStatus += 1;
    else if (message?.equals(answer) !== true) wrongBody += 1;
  }
}

await Promise.all(Array.from({ length: WIDTH }, keepCalling));
client.close();
const result: CheckResult = { grpcStatus: wrongStatus, body: wrongBody, unchecked: checked === 0 ? 1 : 0 };
process.stdout.write(JSON.stringify(result), () => process.exit(0));
