import type { Test } from 'tap';
import type { StateStore } from '../../src/gateway/ports.ts';
import { armOf, rewardWrite, WINDOW } from '../support/state-fixtures.ts';

const BANDIT = 'iris.live:1';
const OTHER = 'wine.live:1';
const served = (count: number, arm = 'a', bandit = BANDIT) => ({ bandit, arm, window: WINDOW, count });
const endMs = WINDOW.startMs + WINDOW.lengthMs;

/** What every store of shared state keeps. `open` gives another handle on the same state, as another replica has. */
export async function testStateStore(
  t: Test,
  fresh: () => Promise<StateStore>,
  another: (() => Promise<StateStore>) | null,
): Promise<void> {
  const withStore = (name: string, run: (t: Test, store: StateStore) => Promise<void>) =>
    t.test(name, async (t) => {
      const store = await fresh();
      t.teardown(() => store.close());
      await run(t, store);
    });

  await withStore('a bandit that nobody wrote to has no arms', async (t, store) => {
    const sums = await store.readSums([BANDIT]);
    t.same([...sums.keys()], [BANDIT]);
    t.equal(sums.get(BANDIT)?.arms.size, 0);
    t.ok(store.isHealthy());
  });

  await withStore('rewards add up by bandit and arm', async (t, store) => {
    const outcomes = await store.addRewards([
      rewardWrite(1, { reward: 0.5 }),
      rewardWrite(2, { reward: 2 }),
      rewardWrite(3, { arm: 'b', reward: -1.5 }),
      rewardWrite(4, { bandit: OTHER, reward: 7 }),
    ]);
    t.same(outcomes, ['counted', 'counted', 'counted', 'counted']);
    const sums = await store.readSums([BANDIT, OTHER]);
    t.same(armOf(sums, 'a'), { count: 2, sum: 2.5, sumOfSquares: 4.25, served: 0 });
    t.same(armOf(sums, 'b'), { count: 1, sum: -1.5, sumOfSquares: 2.25, served: 0 });
    t.same(armOf(sums, 'a', OTHER), { count: 1, sum: 7, sumOfSquares: 49, served: 0 });
  });

  await withStore('epochs of a bandit are apart', async (t, store) => {
    await store.addRewards([rewardWrite(1)]);
    const sums = await store.readSums(['iris.live:2']);
    t.equal(sums.get('iris.live:2')?.arms.size, 0);
  });

  await withStore('one reward is counted for a decision, and the earliest wins', async (t, store) => {
    t.same(await store.addRewards([rewardWrite(1, { id: 'x', reward: 1 })]), ['counted']);
    t.same(await store.addRewards([rewardWrite(1, { id: 'x', reward: 1 })]), ['repeated']);
    t.same(await store.addRewards([rewardWrite(1, { id: 'y', reward: 5 })]), ['conflict']);
    t.same(await store.addRewards([rewardWrite(1, { id: '', reward: 5 })]), ['conflict']);
    t.same(armOf(await store.readSums([BANDIT]), 'a'), { count: 1, sum: 1, sumOfSquares: 1, served: 0 });
  });

  await withStore('a decision that comes twice in one call is counted once', async (t, store) => {
    t.same(await store.addRewards([rewardWrite(1), rewardWrite(1), rewardWrite(1, { id: 'z' })]), [
      'counted',
      'repeated',
      'conflict',
    ]);
  });

  await withStore('1,000 rewards that are all sent twice at once are counted once', async (t, store) => {
    const rewards = Array.from({ length: 1_000 }, (_, i) =>
      rewardWrite(i, { arm: i % 3 === 0 ? 'a' : 'b', reward: i % 2 }),
    );
    const outcomes = await Promise.all([...rewards, ...rewards].map((reward) => store.addRewards([reward])));
    t.equal(outcomes.flat().filter((outcome) => outcome === 'counted').length, 1_000);
    t.equal(outcomes.flat().filter((outcome) => outcome === 'repeated').length, 1_000);
    const sums = await store.readSums([BANDIT]);
    t.match(armOf(sums, 'a'), { count: 334, sum: 167 });
    t.match(armOf(sums, 'b'), { count: 666, sum: 333 });
  });

  await withStore('a call of 2,000 rewards for many bandits gives each its own outcome', async (t, store) => {
    const rewards = Array.from({ length: 2_000 }, (_, i) => rewardWrite(i, { bandit: `bandit-${i % 7}:1` }));
    await store.addRewards(rewards.filter((_, i) => i % 2 === 0));
    const outcomes = await store.addRewards(rewards);
    t.ok(outcomes.every((outcome, i) => outcome === (i % 2 === 0 ? 'repeated' : 'counted')));
  });

  await withStore('a remembered decision is forgotten after its time', async (t, store) => {
    await store.addRewards([rewardWrite(1, { rememberMs: 1 })]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    t.same(await store.addRewards([rewardWrite(1)]), ['counted']);
  });

  await withStore('decisions without a reward get the default when their window closes', async (t, store) => {
    await store.addServed([served(6), served(4), served(2, 'b')]);
    await store.addRewards([rewardWrite(1), rewardWrite(2), rewardWrite(3)]);
    t.same(armOf(await store.readSums([BANDIT]), 'a'), { count: 3, sum: 3, sumOfSquares: 3, served: 10 });
    await store.closeWindows([{ bandit: BANDIT, reward: 0.5, beforeMs: endMs }]);
    const sums = await store.readSums([BANDIT]);
    t.same(armOf(sums, 'a'), { count: 10, sum: 6.5, sumOfSquares: 4.75, served: 10 });
    t.same(armOf(sums, 'b'), { count: 2, sum: 1, sumOfSquares: 0.5, served: 2 });
  });

  await withStore('a window is left open until it ends, and closed once', async (t, store) => {
    await store.addServed([served(5)]);
    await store.closeWindows([{ bandit: BANDIT, reward: 0, beforeMs: endMs - 1 }]);
    t.match(armOf(await store.readSums([BANDIT]), 'a'), { count: 0 });
    await store.closeWindows([{ bandit: BANDIT, reward: 0, beforeMs: endMs }]);
    await store.closeWindows([{ bandit: BANDIT, reward: 0, beforeMs: endMs }]);
    t.match(armOf(await store.readSums([BANDIT]), 'a'), { count: 5, sum: 0 });
  });

  await withStore('without a default reward unrewarded decisions are left out', async (t, store) => {
    await store.addServed([served(5)]);
    await store.addRewards([rewardWrite(1)]);
    await store.closeWindows([{ bandit: BANDIT, reward: null, beforeMs: endMs }]);
    t.same(armOf(await store.readSums([BANDIT]), 'a'), { count: 1, sum: 1, sumOfSquares: 1, served: 5 });
  });

  await withStore('a reward after its window closed takes the place of the default', async (t, store) => {
    await store.addServed([served(4)]);
    await store.closeWindows([{ bandit: BANDIT, reward: 0, beforeMs: endMs }]);
    await store.addRewards([rewardWrite(1)]);
    await store.closeWindows([{ bandit: BANDIT, reward: 0, beforeMs: endMs }]);
    t.match(armOf(await store.readSums([BANDIT]), 'a'), { count: 4, sum: 1 });
  });

  await withStore('served counts that come after their window closed count the same', async (t, store) => {
    await store.addRewards([rewardWrite(1), rewardWrite(2)]);
    await store.closeWindows([{ bandit: BANDIT, reward: 0, beforeMs: endMs }]);
    t.match(armOf(await store.readSums([BANDIT]), 'a'), { count: 2, sum: 2 });
    await store.addServed([served(5)]);
    await store.closeWindows([{ bandit: BANDIT, reward: 0, beforeMs: endMs }]);
    t.match(armOf(await store.readSums([BANDIT]), 'a'), { count: 5, sum: 2, served: 5 });
  });

  await withStore('windows of other lengths are closed too', async (t, store) => {
    const window = { startMs: WINDOW.startMs, lengthMs: 1_000 };
    await store.addServed([served(3), { ...served(2), window }]);
    await store.closeWindows([{ bandit: BANDIT, reward: 0, beforeMs: WINDOW.startMs + 1_000 }]);
    t.match(armOf(await store.readSums([BANDIT]), 'a'), { count: 2, served: 5 });
  });

  await withStore('the signing key is made once', async (t, store) => {
    const [first, second] = await Promise.all([store.signingKey(), store.signingKey()]);
    t.equal(first.length, 32);
    t.same(first, second);
  });

  await withStore('a proposed signing key does not take the place of the stored one', async (t, store) => {
    const [one, two] = await Promise.all([
      store.signingKey(new Uint8Array(32).fill(1)),
      store.signingKey(new Uint8Array(32).fill(2)),
    ]);
    t.same(one, two);
    t.same(await store.signingKey(new Uint8Array(32).fill(3)), one);
    t.same(await store.signingKey(), one);
  });

  if (another === null) return;

  await withStore('replicas share sums, decisions and the signing key', async (t, store) => {
    const other = await another();
    t.teardown(() => other.close());
    t.same(await other.signingKey(), await store.signingKey());
    t.same(await other.signingKey(new Uint8Array(32).fill(1)), await store.signingKey(new Uint8Array(32).fill(2)));
    await Promise.all([store.addServed([served(3)]), other.addServed([served(4)])]);
    const rewards = Array.from({ length: 500 }, (_, i) => rewardWrite(i));
    const both = await Promise.all([store.addRewards(rewards), other.addRewards(rewards)]);
    t.ok(rewards.every((_, i) => new Set([both[0][i], both[1][i]]).size === 2));
    t.same(armOf(await other.readSums([BANDIT]), 'a'), { count: 500, sum: 500, sumOfSquares: 500, served: 7 });
  });

  await withStore('two replicas that close windows at once close each once', async (t, store) => {
    const other = await another();
    t.teardown(() => other.close());
    for (let round = 1; round <= 20; round++) {
      await store.addServed([served(10)]);
      const closing = { bandit: BANDIT, reward: 0, beforeMs: endMs };
      await Promise.all([store.closeWindows([closing]), other.closeWindows([closing])]);
      t.match(armOf(await store.readSums([BANDIT]), 'a'), { count: round * 10, served: round * 10 });
    }
  });
}
