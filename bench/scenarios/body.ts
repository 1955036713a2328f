import { haproxySplit } from '../configs/haproxy.ts';
import { makasSplit } from '../configs/makas.ts';
import { nginxSplit } from '../configs/nginx.ts';
import { saturation } from '../phases/saturation.ts';
import { warm } from '../phases/warm.ts';
import type { Case, Scenario } from '../scenario.ts';
import { flowerRequest } from './flower.ts';
import { none } from './pass.ts';

const KIB = 1_024;
/** From here on fewer connections keep a core busy, and more would only hold memory. */
const LARGE_KIB = 256;
const SIZES = [1, 32, 1_024, 4_096] as const;

function sizeName(kib: number): string {
  return kib < 1_024 ? `${kib} KB` : `${kib / 1_024} MB`;
}

/** JSON of exactly `bytes` bytes: `make` gives it around a list of numbers, and spaces fill it up. */
export function fillJson(bytes: number, make: (data: number[]) => object): string {
  const empty = JSON.stringify(make([]));
  const count = Math.floor((bytes - empty.length) / '0.1234,'.length);
  const text = JSON.stringify(make(Array.from({ length: count }, (_, n) => (1_001 + (n % 9)) / 10_000)));
  return text + ' '.repeat(Math.max(0, bytes - text.length));
}

function tensor(data: number[]) {
  return { name: 'data', shape: [1, data.length], datatype: 'FP32', data };
}

function bodyCase(kib: number): Case {
  const body = fillJson(kib * KIB, (data) => ({ inputs: [tensor(data)] }));
  const answer = fillJson(kib * KIB, (data) => ({ model_name: 'iris', outputs: [tensor(data)] }));
  return {
    name: sizeName(kib),
    requests: 1,
    request: () => ({ ...flowerRequest(0), body }),
    answer: { contentType: 'application/json', body: answer },
    isLarge: true,
    connections: kib < LARGE_KIB ? 64 : 8,
    configs: {
      nginx: nginxSplit({ isLarge: true }),
      haproxy: haproxySplit({ isLarge: true }),
      bare: none,
      makas: makasSplit(),
    },
  };
}

/** Bodies as images and batches have them. */
export const body: Scenario<Case> = {
  name: 'body',
  about:
    'As `pass`, with a request body of this size (1 KB is 1024 bytes) and an answer of the same size; from 256 KB on with 8 ' +
    'connections.',
  cases: SIZES.map(bodyCase),
  phases: [warm, saturation],
  bars: [
    {
      of: { peer: 'makas', case: '1 MB', figure: 'cpuUsPerRequest' },
      to: { peer: 'nginx', case: '1 MB', figure: 'cpuUsPerRequest' },
      most: 1.5,
    },
  ],
  chart: 'cpuUsPerRequest',
};
