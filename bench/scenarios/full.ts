import { atMost } from '../bars.ts';
import { renderFeatures } from '../configs/features.ts';
import { renderMakas } from '../configs/makas.ts';
import { nginxLuaEnrich } from '../configs/nginx-lua.ts';
import { saturation } from '../phases/saturation.ts';
import { serial } from '../phases/serial.ts';
import { warm } from '../phases/warm.ts';
import type { Configure, Scenario } from '../scenario.ts';
import { enrichedBody, flowerRequest, flowers } from './flower.ts';
import { flowerCase, none } from './pass.ts';

const ROUTES = 100;

function modelName(n: number): string {
  return `iris-${String(n % ROUTES).padStart(3, '0')}`;
}

/** Every second route splits, the others have a bandit. */
function renderRoute(n: number): string {
  const choice =
    n % 2 === 0
      ? 'split: { iris-v1: 90, iris-v2: 10 }'
      : 'bandit: { policy: thompson, arms: [iris-v1, iris-v2], reward: { kind: binary, wait: 10m } }';
  return `  - name: ${modelName(n)}
    match: { model: ${modelName(n)}, headers: { x-user-id: { present: true } } }
    unit: "header:x-user-id"
    rules:
      - name: testers
        when: { headers: { x-tier: beta } }
        backend: iris-v3
      - name: live
        enrich: [flower]
        ${choice}
        shadow: [{ backend: iris-v3, share: 10% }]
`;
}

const makasFull: Configure = (place) => {
  const tracing = `tracing: { endpoint: "http://127.0.0.1:${place.upstreamPort}/v1/traces", sample: 1% }\n`;
  const rest = `log: { decisions: 1% }\n${tracing}${renderFeatures(place.redisPort, 'tracking')}`;
  const routes = Array.from({ length: ROUTES }, (_, n) => renderRoute(n)).join('');
  return renderMakas(place, { backends: ['iris-v1', 'iris-v2', 'iris-v3'], routes, rest });
};

/** Everything that Makas does at once, against a proxy that only enriches. */
export const full: Scenario = {
  name: 'full',
  about:
    'A hundred routes with conditions, half of them split 90/10 and half with a bandit, ten features (cached), 10 % shadow, ' +
    'metrics, 1 % traces, 1 % decision log. nginx does the enrichment alone.',
  cases: [
    {
      ...flowerCase,
      request: (n) => flowerRequest(n, modelName(n)),
      forwarded: enrichedBody,
      configs: { direct: none, 'nginx+lua+redis': nginxLuaEnrich, makas: makasFull },
    },
  ],
  phases: [warm, serial, saturation],
  entities: flowers,
  bars: [atMost(0.75, 'makas', 'nginx+lua+redis', 'cpuUsPerRequest')],
  chart: 'cpuUsPerRequest',
};
