import { Connection } from './connection.ts';
import { readOrder } from './worker-order.ts';

/** So many connections are opened side by side. */
const WIDTH = 64;

const order = readOrder();
const requests = order.requests.map((each) => Buffer.from(each));
const answer = Buffer.from(order.answer);
const held: Connection[] = [];

function fail(text: string): never {
  process.stderr.write(`${text}\n`);
  process.exit(1);
}

/** Opens one connection and waits for the answer to its one request. */
async function hold(n: number): Promise<void> {
  const answered = Promise.withResolvers<void>();
  const connection = await Connection.open(order.port, {
    onAnswer: (_, got) => {
      if (got.status !== 200 || !got.body.equals(answer)) fail(`connection ${n} had a wrong answer: ${got.status}`);
      answered.resolve();
    },
    onEnd: (_, error) => fail(`connection ${n} was closed: ${error?.message ?? 'end'}`),
  });
  held.push(connection);
  const request = requests[n % requests.length];
  if (request !== undefined) connection.send(request);
  await answered.promise;
}

let next = 0;
async function open(): Promise<void> {
  while (next < order.connections) await hold(next++);
}

try {
  await Promise.all(Array.from({ length: WIDTH }, open));
} catch (error) {
  fail(error instanceof Error ? error.message : String(error));
}
process.stdout.write(`held ${held.length}\n`);
// Without a listener a signal would leave the sockets to be reset by the kernel; like this they close in order.
process.once('SIGTERM', () => {
  for (const each of held) each.close();
  process.exit(0);
});
