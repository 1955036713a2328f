import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { test } from 'tap';
import { watchFile } from '../../src/config/watch.ts';

/** A watch that counts what it is told. */
async function watchCounted(path: string) {
  let count = 0;
  const watching = await watchFile(path, () => (count += 1), { debounceMs: 20, pollMs: 100 });
  return {
    count: () => count,
    close: () => watching.close(),
    /** Resolves once it was told `wanted` times; 5 s without a word are a failure. */
    async until(wanted: number): Promise<void> {
      for (let look = 0; look < 500; look++) {
        if (count >= wanted) return;
        await wait(10);
      }
      throw new Error(`told ${count} times, not ${wanted}, within 5 s`);
    },
    /** Several looks, in which a change would have been seen. */
    settle: () => wait(400),
  };
}

function makeFolder(): string {
  return mkdtempSync(join(tmpdir(), 'makas-watch-'));
}

test('a write in place is told once, and contents that stay the same are not told', async (t) => {
  const path = join(makeFolder(), 'makas.yaml');
  writeFileSync(path, 'one');
  const watch = await watchCounted(path);
  t.teardown(watch.close);
  writeFileSync(path, 'two');
  await watch.until(1);
  writeFileSync(path, 'two');
  writeFileSync(join(path, '../another.yaml'), 'x');
  await watch.settle();
  t.equal(watch.count(), 1);
  writeFileSync(path, 'six');
  await watch.until(2);
});

test('a file that an editor replaces by rename is told, again and again', async (t) => {
  const path = join(makeFolder(), 'makas.yaml');
  writeFileSync(path, 'one');
  const watch = await watchCounted(path);
  t.teardown(watch.close);
  for (const [index, contents] of ['two', 'three', 'four'].entries()) {
    writeFileSync(`${path}.tmp`, contents);
    renameSync(`${path}.tmp`, path);
    await watch.until(index + 1);
  }
  await watch.settle();
  t.equal(watch.count(), 3);
});

test('the swap of the link `..data` of a mounted ConfigMap is told', async (t) => {
  const folder = makeFolder();
  const publish = (version: string, contents: string) => {
    mkdirSync(join(folder, version));
    writeFileSync(join(folder, version, 'makas.yaml'), contents);
    symlinkSync(version, join(folder, '..data_tmp'));
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
  };
  publish('..v1', 'one');
  const path = join(folder, 'makas.yaml');
  symlinkSync('..data/makas.yaml', path);
  const watch = await watchCounted(path);
  t.teardown(watch.close);
  publish('..v2', 'two');
  rmSync(join(folder, '..v1'), { recursive: true });
  await watch.until(1);
  publish('..v3', 'three');
  await watch.until(2);
  writeFileSync(join(folder, '..v3', 'makas.yaml'), 'in place behind the link');
  await watch.until(3);
});

test('a folder that is replaced by another is followed', async (t) => {
  const folder = makeFolder();
  const path = join(folder, 'config/makas.yaml');
  mkdirSync(join(folder, 'config'));
  writeFileSync(path, 'one');
  const watch = await watchCounted(path);
  t.teardown(watch.close);
  renameSync(join(folder, 'config'), join(folder, 'old'));
  mkdirSync(join(folder, 'config'));
  writeFileSync(path, 'two');
  await watch.until(1);
  writeFileSync(path, 'three');
  await watch.until(2);
});

test('a file that is not there yet is told when it comes, and a closed watch tells nothing', async (t) => {
  const path = join(makeFolder(), 'makas.yaml');
  const watch = await watchCounted(path);
  writeFileSync(path, 'one');
  await watch.until(1);
  watch.close();
  writeFileSync(path, 'two');
  await watch.settle();
  t.equal(watch.count(), 1);
});

test('a change is told while another file of the folder is written all the time', async (t) => {
  const path = join(makeFolder(), 'makas.yaml');
  writeFileSync(path, 'one');
  const watch = await watchCounted(path);
  t.teardown(watch.close);
  const writing = setInterval(() => writeFileSync(join(path, '../gateway.log'), String(Math.random())), 5);
  t.teardown(() => clearInterval(writing));
  writeFileSync(path, 'two');
  await watch.until(1);
});

test('a file that was away is told when it comes back as it was, for a reload may have failed meanwhile', async (t) => {
  const path = join(makeFolder(), 'makas.yaml');
  writeFileSync(path, 'one');
  const watch = await watchCounted(path);
  t.teardown(watch.close);
  unlinkSync(path);
  await watch.settle();
  t.equal(watch.count(), 0, 'not while it is gone');
  writeFileSync(path, 'one');
  await watch.until(1);
  unlinkSync(path);
  await watch.settle();
  writeFileSync(path, 'two');
  await watch.until(2);
});
