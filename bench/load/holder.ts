import { join } from 'node:path';
import { startPinned, waitUntilReady } from '../child.ts';
import { LOAD_CORE } from '../cores.ts';
import type { Case } from '../scenario.ts';
import { withOrder } from './worker-order.ts';

const WORKER = join(import.meta.dirname, 'holder-worker.ts');

export interface HoldOrder {
  readonly case: Case;
  readonly port: number;
  readonly connections: number;
}

/** Clients that keep their connections open and are silent. */
export interface Holder {
  /** False once a connection was closed by the other side. */
  isWhole(): boolean;
  tail(): string;
  readonly stop: () => Promise<void>;
}

/** Opens connections; each has sent one request and had the right answer when this resolves. Throws otherwise. */
export async function holdConnections({ case: own, port, connections }: HoldOrder): Promise<Holder> {
  return await withOrder(own, { port, connections, rate: 0, seconds: 0, leadSeconds: 0 }, async (file) => {
    const child = startPinned({ cores: [LOAD_CORE], command: process.execPath, args: [WORKER, file] });
    await waitUntilReady('the holder of connections', child, async () => child.tail().includes('held'));
    return { isWhole: () => child.isAlive(), tail: () => child.tail(), stop: child.stop };
  });
}
