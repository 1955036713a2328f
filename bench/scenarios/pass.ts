import { caddySplit } from '../configs/caddy.ts';
import { haproxySplit } from '../configs/haproxy.ts';
import { makasSplit } from '../configs/makas.ts';
import { nginxSplit } from '../configs/nginx.ts';
import { atMost } from '../bars.ts';
import { saturation } from '../phases/saturation.ts';
import { warm } from '../phases/warm.ts';
import type { Case, Configure, Scenario } from '../scenario.ts';
import { flowerAnswer, flowerRequest, UNITS } from './flower.ts';

/** For peers that take no configuration. */
export const none: Configure = () => '';

/** One request of a small tabular model, in all that the scenarios of this shape share. */
export const flowerCase: Omit<Case, 'configs'> = {
  name: '',
  requests: UNITS,
  request: (n) => flowerRequest(n),
  answer: flowerAnswer,
};

/** Every general proxy with the same split. */
export const splitConfigs: Case['configs'] = {
  direct: none,
  nginx: nginxSplit(),
  haproxy: haproxySplit(),
  caddy: caddySplit,
  bare: none,
  'fastify-http-proxy': none,
  makas: makasSplit(),
  'makas-main': makasSplit({ express: false }),
};

/** The plain case that nearly all the load is: routed by model, split 90/10 by user, nothing else asked for. */
export const pass: Scenario<Case> = {
  name: 'pass',
  about:
    'An OIP predict request, routed by the model in its path and split 90/10 between two backends, sticky by user. ' +
    'Makas counts every request in its metrics; the others have metrics and logs off, and `bare` does not route.',
  cases: [{ ...flowerCase, configs: splitConfigs }],
  phases: [warm, saturation],
  bars: [
    atMost(1.35, 'makas', 'nginx', 'cpuUsPerRequest', { aim: 1.2 }),
    atMost(0.35, 'makas', 'caddy', 'cpuUsPerRequest'),
    atMost(3, 'makas-main', 'nginx', 'cpuUsPerRequest'),
  ],
  chart: 'cpuUsPerRequest',
};
