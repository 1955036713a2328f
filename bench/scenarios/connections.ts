import { makasSplit } from '../configs/makas.ts';
import { nginxSplit } from '../configs/nginx.ts';
import { connections as connectionsPhase } from '../phases/connections.ts';
import type { Case, Scenario } from '../scenario.ts';
import { flowerCase, none } from './pass.ts';

const COUNTS = [1, 256, 10_000] as const;
/** Held and loading clients, connections to the upstream, and some to spare. */
const ROOM = 12_000;

function connectionsCase(held: number): Case {
  return {
    ...flowerCase,
    name: held === 1 ? '1 connection' : `${held} connections`,
    held,
    configs: {
      nginx: nginxSplit({ connections: ROOM }),
      bare: none,
      makas: makasSplit(),
    },
  };
}

/** What idle clients cost. */
export const connections: Scenario = {
  name: 'connections',
  about:
    'As `pass`, with this many clients that keep an idle connection open: memory of a fresh process that has seen one ' +
    'request on each of them, then full load on 64 further connections beside them. Bytes for each idle connection count ' +
    'those above 256.',
  cases: COUNTS.map(connectionsCase),
  phases: [connectionsPhase],
  isFresh: true,
  bars: [
    { of: { peer: 'makas', case: '256 connections', figure: 'heldRssMB' }, most: 100 },
    { of: { peer: 'makas', case: '256 connections', figure: 'rssMB' }, most: 100 },
    { of: { peer: 'makas', case: '10000 connections', figure: 'bytesPerConnection' }, most: 8_000 },
  ],
  chart: 'heldRssMB',
};
