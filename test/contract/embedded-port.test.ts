import { test } from 'tap';

import { PortState } from '../../src/edges/embedded/state-port.ts';
import { type EmbeddedState, openEmbeddedState } from '../../src/edges/embedded/state.ts';
import { armOf, createLog, rewardWrite, temporaryFolder } from '../support/state-fixtures.ts';
import { until } from '../support/traffic.ts';
import { testStateStore } from './state.ts';

/** A state as a worker has it, which closes the one that it leads to as well. */
class WholeState extends PortState {
  readonly owner: EmbeddedState;

  constructor(owner: EmbeddedState) {
    super(owner.connect());
    this.owner = owner;
  }

  override async close(): Promise<void> {
    await super.close();
    await this.owner.close();
  }
}

test('a port to the embedded store keeps the contract of state', async (t) => {
  let owner: EmbeddedState | null = null;
  const fresh = async () => {
    owner = await openEmbeddedState({ path: temporaryFolder() }, createLog());
    return new WholeState(owner);
  };
  await testStateStore(t, fresh, async () => new PortState(owner!.connect()));
});

test('what one thread writes by its port is what all others read, each reward once', async (t) => {
  const owner = await openEmbeddedState({ path: temporaryFolder() }, createLog());
  const ports = Array.from({ length: 3 }, () => new PortState(owner.connect()));
  t.teardown(async () => {
    for (const port of ports) await port.close();
    await owner.close();
  });
  const rewards = Array.from({ length: 300 }, (_, i) => rewardWrite(i));
  const outcomes = await Promise.all([owner, ...ports].map((store) => store.addRewards(rewards)));
  t.equal(outcomes.flat().filter((outcome) => outcome === 'counted').length, 300);
  for (const store of [owner, ...ports]) t.match(armOf(await store.readSums(['iris.live:1']), 'a'), { count: 300 });
});

test('a port that is closed, as by the end of its thread, leaves the others in peace', async (t) => {
  const owner = await openEmbeddedState({ path: temporaryFolder() }, createLog());
  t.teardown(() => owner.close());
  const [one, two] = [new PortState(owner.connect()), new PortState(owner.connect())];
  t.teardown(() => two.close());
  const last = one.addRewards([rewardWrite(1)]).catch(() => 'unanswered');
  await one.close();
  t.same(await two.addRewards([rewardWrite(2)]), ['counted']);
  await t.rejects(one.addRewards([rewardWrite(3)]), /closed/);
  t.notOk(one.isHealthy());
  await last;
});

test('when the writer was started anew, workers that get a new port write on', async (t) => {
  const path = temporaryFolder();
  const owner = await openEmbeddedState({ path }, createLog());
  t.teardown(() => owner.close());
  const store = new PortState(owner.connect());
  t.teardown(() => store.close());
  owner.onRestart(() => store.use(owner.connect()!));
  t.same(await store.addRewards([rewardWrite(1)]), ['counted']);
  // No thread of this project sends such a message; the writer ends of it.
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- A thread, not a window.
  owner.connect()!.postMessage(null);
  await until('the loss is seen', () => !store.isHealthy());
  await t.rejects(store.addRewards([rewardWrite(2)]), /not open/);
  // Nobody asks the owner: it starts the writer by itself.
  await until('writing goes on', () => canRead(store));
  t.same(await store.addRewards([rewardWrite(1)]), ['repeated']);
  t.ok(store.isHealthy());
});

async function canRead(store: PortState): Promise<boolean> {
  return store.readSums(['iris.live:1']).then(
    () => true,
    () => false,
  );
}
