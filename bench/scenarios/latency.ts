import { atMost } from '../bars.ts';
import { halfAdded } from '../phases/half.ts';
import { serial } from '../phases/serial.ts';
import { warmFor } from '../phases/warm.ts';
import type { Scenario } from '../scenario.ts';
import { flowerCase, pass, splitConfigs } from './pass.ts';

/** A process that serves for days has its code compiled; the compiler shares the one core with the requests. */
const WARM_SECONDS = 4;

const { direct, nginx, haproxy, makas } = splitConfigs;

/** What a proxy adds to the time that a client waits. */
export const latency: Scenario = {
  ...pass,
  name: 'latency',
  about:
    'The request of `pass`: latency above that of the upstream alone, with one connection, and in an open loop at half of ' +
    "each peer's own saturation, counted from the moment at which a request was due; " +
    `each peer was under full load for ${WARM_SECONDS} s before.`,
  cases: [{ ...flowerCase, configs: { direct, nginx, haproxy, makas } }],
  phases: [warmFor(WARM_SECONDS), serial, halfAdded],
  bars: [atMost(1.15, 'makas', 'nginx', 'serialAddedP50Us'), atMost(1.5, 'makas', 'nginx', 'serialAddedP99Us')],
  chart: 'serialAddedP50Us',
};
