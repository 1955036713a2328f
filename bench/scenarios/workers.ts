import { makasSplit } from '../configs/makas.ts';
import { nginxSplit } from '../configs/nginx.ts';
import { saturation } from '../phases/saturation.ts';
import { serial } from '../phases/serial.ts';
import { warm } from '../phases/warm.ts';
import type { Case, Scenario } from '../scenario.ts';
import { flowerCase, none } from './pass.ts';

function workersCase(workers: number): Case {
  return {
    ...flowerCase,
    name: workers === 1 ? '1 worker' : `${workers} workers`,
    cores: workers,
    configs: { direct: none, nginx: nginxSplit({ workers }), makas: makasSplit({ workers }) },
  };
}

/** What a second worker gives and costs. */
export const workers: Scenario = {
  name: 'workers',
  about:
    'As `pass`, with one core for each worker. On a machine of two cores the second worker shares that of the load.',
  cases: [workersCase(1), workersCase(2)],
  phases: [warm, serial, saturation],
  bars: [],
  chart: 'cpuUsPerRequest',
};
