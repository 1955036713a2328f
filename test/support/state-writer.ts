import { openEmbeddedState } from '../../src/edges/embedded/state.ts';
import { createLog, decisionId, rewardWrite } from './state-fixtures.ts';

/** A process that writes rewards without end and prints the id of each decision once its reward is acknowledged. */
const state = await openEmbeddedState({ path: process.argv[2]! }, createLog());
let next = 0;

async function writeOn(): Promise<never> {
  for (;;) {
    const decision = decisionId(next++);
    await state.addRewards([rewardWrite(0, { decision })]);
    process.stdout.write(`${decision}\n`);
  }
}

await Promise.all(Array.from({ length: 8 }, writeOn));
