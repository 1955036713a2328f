import { atMost } from '../bars.ts';
import { renderFeatures, type CacheMode } from '../configs/features.ts';
import { renderMakas } from '../configs/makas.ts';
import { nginxLuaEnrich } from '../configs/nginx-lua.ts';
import { saturation } from '../phases/saturation.ts';
import { serial } from '../phases/serial.ts';
import { warm } from '../phases/warm.ts';
import type { Case, Configure, Scenario } from '../scenario.ts';
import { enrichedBody, flowers } from './flower.ts';
import { flowerCase, none } from './pass.ts';

const ROUTE = `  - name: iris
    match: { model: iris }
    rules: [{ name: live, enrich: [flower], backend: iris }]
`;

function makasEnrich(cache: CacheMode): Configure {
  return (place) => {
    const rest = renderFeatures(place.redisPort, cache);
    return renderMakas(place, { backends: ['iris'], routes: ROUTE, rest });
  };
}

function enrichCase(cache: CacheMode): Case {
  return {
    ...flowerCase,
    forwarded: enrichedBody,
    configs: { direct: none, 'nginx+lua+redis': nginxLuaEnrich, makas: makasEnrich(cache) },
  };
}

/** The features are read for every request. */
export const enrich: Scenario<Case> = {
  name: 'enrich',
  about:
    'Ten features of one entity out of a thousand are read from Redis for every request and put into its body as an ' +
    'input tensor. `direct` sends the plain body and shows what upstream and load can do.',
  cases: [enrichCase('off')],
  phases: [warm, serial, saturation],
  entities: flowers,
  bars: [atMost(0.65, 'makas', 'nginx+lua+redis', 'cpuUsPerRequest')],
  chart: 'cpuUsPerRequest',
};

/** The features are kept, and Redis tells when one changes. */
export const enrichCached: Scenario = {
  ...enrich,
  name: 'enrich-cached',
  about:
    'As `enrich`, but Makas keeps the features in memory and Redis tells it of changes (client-side caching); ' +
    'nginx reads them for every request as before.',
  cases: [enrichCase('tracking')],
  bars: [atMost(0.5, 'makas', 'nginx+lua+redis', 'cpuUsPerRequest')],
};
