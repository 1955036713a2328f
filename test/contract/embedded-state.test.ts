import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'tap';
import { openEmbeddedState } from '../../src/edges/embedded/state.ts';
import { armOf, createLog, decisionId, rewardWrite, temporaryFolder } from '../support/state-fixtures.ts';
import { testStateStore } from './state.ts';

test('the embedded store keeps the contract of state', async (t) => {
  await testStateStore(t, () => openEmbeddedState({ path: temporaryFolder() }, createLog()), null);
});

test('kill -9 loses no acknowledged reward', async (t) => {
  const path = temporaryFolder();
  const child = spawn(process.execPath, [join(import.meta.dirname, '../support/state-writer.ts'), path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const acknowledged: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged.push(line);
    if (acknowledged.length === 300) child.kill('SIGKILL');
  }
  if (child.signalCode === null) await once(child, 'exit');
  t.equal(child.signalCode, 'SIGKILL');

  const state = await openEmbeddedState({ path }, createLog());
  t.teardown(() => state.close());
  const before = (await state.readSums(['iris.live:1'])).get('iris.live:1')!.arms.get('a')!.count;
  t.ok(before >= acknowledged.length, `${before} kept, ${acknowledged.length} acknowledged`);
  const again = await state.addRewards(acknowledged.map((decision) => ({ ...rewardWrite(0), decision })));
  t.ok(again.every((outcome) => outcome === 'repeated'));
});

test('a state file belongs to one gateway at a time', async (t) => {
  const path = temporaryFolder();
  const first = await openEmbeddedState({ path }, createLog());
  await t.rejects(openEmbeddedState({ path }, createLog()), /in use by another gateway/);
  await first.close();
  const second = await openEmbeddedState({ path }, createLog());
  await second.close();
});

test('what was learned is there after a restart', async (t) => {
  const path = join(temporaryFolder(), 'made', 'when missing');
  const first = await openEmbeddedState({ path }, createLog());
  const key = await first.signingKey();
  await first.addRewards([rewardWrite(1, { reward: 0.25 })]);
  await first.close();
  await t.rejects(first.addRewards([rewardWrite(2)]), /closed/);
  const second = await openEmbeddedState({ path }, createLog());
  t.teardown(() => second.close());
  t.same(await second.signingKey(), key);
  t.match(armOf(await second.readSums(['iris.live:1']), 'a'), { count: 1, sum: 0.25 });
});

test('a folder that cannot be used is told in words for operators', async (t) => {
  const file = join(temporaryFolder(), 'file');
  writeFileSync(file, '');
  await t.rejects(openEmbeddedState({ path: join(file, 'below') }, createLog()), /cannot be written .*Set state\.path/);
  const folder = temporaryFolder();
  writeFileSync(
    join(folder, 'state.sqlite'),
    'this is no database, and long enough to be taken for the head of one'.repeat(20),
  );
  await t.rejects(openEmbeddedState({ path: folder }, createLog()), /cannot be opened/);
  if (process.getuid?.() === 0) return;
  const closed = temporaryFolder();
  chmodSync(closed, 0o500);
  await t.rejects(openEmbeddedState({ path: closed }, createLog()), /cannot be written/);
});

test('a file of a newer version is left alone', async (t) => {
  const path = temporaryFolder();
  const database = new DatabaseSync(join(path, 'state.sqlite'));
  database.exec('PRAGMA user_version = 99');
  database.close();
  await t.rejects(openEmbeddedState({ path }, createLog()), /newer version/);
});

test('a full disk rejects the write whole, and the store is well again once there is room', async (t) => {
  const path = temporaryFolder();
  const state = await openEmbeddedState({ path, maxBytes: 64 * 1024 }, createLog());
  t.teardown(() => state.close());
  const many = Array.from({ length: 2_000 }, (_, i) => rewardWrite(i));
  await t.rejects(state.addRewards(many), /full/);
  t.notOk(state.isHealthy());
  t.match(armOf(await state.readSums(['iris.live:1']), 'a'), { count: 0 });
  t.same(
    await state.addRewards(many.slice(0, 10)),
    Array.from({ length: 10 }, () => 'counted'),
  );
  t.ok(state.isHealthy());
});

test('the file does not grow with the number of rewards once they expire', async (t) => {
  const path = temporaryFolder();
  const state = await openEmbeddedState({ path }, createLog());
  const write = async (from: number) => {
    await state.addRewards(
      Array.from({ length: 2_000 }, (_, i) => rewardWrite(from + i, { decision: decisionId(from + i), rememberMs: 0 })),
    );
  };
  for (let round = 0; round < 5; round++) await write(round * 2_000);
  const early = await sizeAfter(state, path);
  const grown = await openEmbeddedState({ path }, createLog());
  for (let round = 5; round < 25; round++) {
    await grown.addRewards(Array.from({ length: 2_000 }, (_, i) => rewardWrite(round * 2_000 + i, { rememberMs: 0 })));
  }
  const late = await sizeAfter(grown, path);
  t.ok(late <= early * 1.5, `${early} bytes, then ${late}`);
});

async function sizeAfter(state: { close(): Promise<void> }, path: string): Promise<number> {
  await state.close();
  return statSync(join(path, 'state.sqlite')).size;
}
