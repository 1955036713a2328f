import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { test, type Test } from 'tap';

import { LineOutput } from '../../../src/edges/log/line-output.ts';

function openFile(t: Test, name = 'log'): { fileDescriptor: number; read: () => string } {
  const path = join(t.testdir(), name);
  const fileDescriptor = openSync(path, 'a');
  return { fileDescriptor, read: () => readFileSync(path, 'utf8') };
}

test('lines arrive whole and in order', async (t) => {
  const { fileDescriptor, read } = openFile(t);
  const output = new LineOutput({ fileDescriptor });
  const lines = Array.from({ length: 2000 }, (_, i) => `{"line":${i},"text":"ä"}\n`);
  for (const line of lines) t.equal(output.write(line), true);
  await output.close();
  t.equal(read(), lines.join(''));
  t.equal(output.droppedLines, 0);
});

test('a few lines are written after a moment without more to push them', async (t) => {
  const { fileDescriptor, read } = openFile(t);
  const output = new LineOutput({ fileDescriptor });
  output.write('one\n');
  while (read() === '') await new Promise((resolve) => setTimeout(resolve, 10));
  t.equal(read(), 'one\n');
  await output.close();
});

test('a process that ends at once still writes its lines', (t) => {
  const { fileDescriptor, read } = openFile(t);
  const output = new LineOutput({ fileDescriptor });
  output.write('last words\n');
  output.flushNow();
  t.equal(read(), 'last words\n');
  t.end();
});

/** A pipe whose writer is told to come again when nobody reads. */
function openPipe(t: Test): { fileDescriptor: number; readSome: () => number } {
  const folder = mkdtempSync(join(tmpdir(), 'makas-test-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'pipe');
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  t.teardown(() => closeSync(reader));
  const buffer = Buffer.alloc(1 << 20);
  const readSome = (): number => {
    try {
      return readSync(reader, buffer);
    } catch {
      return 0;
    }
  };
  return { fileDescriptor: openSync(path, constants.O_WRONLY | constants.O_NONBLOCK), readSome };
}

test('behind a reader that does not read, lines are dropped and counted, and nothing waits', async (t) => {
  const { fileDescriptor, readSome } = openPipe(t);
  const output = new LineOutput({ fileDescriptor, bufferBytes: 100_000 });
  const line = `${'x'.repeat(999)}\n`;
  let taken = 0;
  const startMs = performance.now();
  for (let i = 0; i < 1000; i++) if (output.write(line)) taken++;
  t.ok(performance.now() - startMs < 500, 'writing does not wait');
  t.ok(taken >= 90 && taken < 300, `${taken} lines taken`);
  t.equal(output.droppedLines, 1000 - taken);
  let read = 0;
  while (read < taken * 1000) {
    read += readSome();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  t.equal(read, taken * 1000, 'what was taken arrives once somebody reads');
  t.equal(output.write(line), true, 'and there is room again');
  await output.close();
  t.equal(readSome(), 1000);
  t.equal(output.write(line), false, 'after the end lines are dropped');
});

test('the end does not wait for a reader that never reads', async (t) => {
  const outputs = [openPipe(t), openPipe(t)].map(({ fileDescriptor }) => new LineOutput({ fileDescriptor }));
  for (let i = 0; i < 1000; i++) for (const output of outputs) output.write(`${'x'.repeat(999)}\n`);
  const startMs = performance.now();
  await outputs[0]?.close();
  outputs[1]?.flushNow();
  t.ok(performance.now() - startMs < 5000);
});

test('a reader that goes away does not end the process', async (t) => {
  const script = `
    import { LineOutput } from ${JSON.stringify(join(import.meta.dirname, '../../../src/edges/log/line-output.ts'))};
    const output = new LineOutput();
    for (let i = 0; i < 5; i++) {
      for (let k = 0; k < 200; k++) output.write('x'.repeat(999) + '\\n');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await output.close();
    process.stderr.write('still here');
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  child.stdout.once('data', () => child.stdout.destroy());
  const [code] = (await once(child, 'close')) as [number];
  t.equal(errors, 'still here');
  t.equal(code, 0);
});
