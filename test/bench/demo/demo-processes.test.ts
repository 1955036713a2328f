import { test } from 'tap';
import { Processes } from '../../../bench/demo/processes.ts';

const readPid = (line: string): string | undefined => /^pid (\d+)$/.exec(line)?.[1];
const sayPid = 'console.log(`pid ${process.pid}`);';

/** Signal 0 only asks whether the process is there. */
function isAlive(pid: string): boolean {
  try {
    return process.kill(Number(pid), 0);
  } catch {
    return false;
  }
}

test('a process that ends before it is ready is reported with its last words', async (t) => {
  const processes = new Processes(() => {});
  const args = ['-e', 'console.error("no such port"); process.exit(3)'];
  await t.rejects(processes.start({ name: 'the gateway', args, readReady: readPid }), {
    message: 'the gateway ended by itself (3)\n  no such port',
  });
  await processes.stop();
});

test('a process that ends later is heard of', async (t) => {
  const { promise, resolve } = Promise.withResolvers<Error>();
  const processes = new Processes(resolve);
  const args = ['-e', `${sayPid} setTimeout(() => process.kill(process.pid, 'SIGKILL'), 20)`];
  await processes.start({ name: 'the gateway', args, readReady: readPid });
  t.match((await promise).message, /^the gateway ended by itself \(SIGKILL\)/);
  await processes.stop();
});

test('stopping ends all processes, and is not taken for a failure', async (t) => {
  const processes = new Processes((error) => t.fail(error.message));
  const args = ['-e', `${sayPid} setInterval(() => {}, 1000)`];
  const start = () => processes.start({ name: 'a process', args, readReady: readPid });
  const pids = await Promise.all([start(), start()]);
  t.same(pids.map(isAlive), [true, true]);
  await processes.stop();
  t.same(pids.map(isAlive), [false, false]);
});
