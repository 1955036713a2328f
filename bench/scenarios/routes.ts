import { renderMakas } from '../configs/makas.ts';
import { renderPass, renderPool } from '../configs/nginx.ts';
import { READY_PATH, renderNginx } from '../nginx.ts';
import { saturation } from '../phases/saturation.ts';
import { warm } from '../phases/warm.ts';
import type { Case, Configure, Scenario } from '../scenario.ts';
import { flowerRequest, UNITS } from './flower.ts';
import { flowerCase, none } from './pass.ts';

const COUNTS = [1, 100, 10_000] as const;

function modelName(n: number): string {
  return `iris-${n}`;
}

/** Requests for the last route, so that a search through all of them would show. */
const last = (_n: number, routes: number): string => modelName(routes - 1);

/** Requests spread evenly over the routes, as far as there are different requests. */
const spread = (n: number, routes: number): string => modelName(Math.floor(((n % UNITS) * routes) / UNITS));

function makasRoutes(count: number): Configure {
  const route = (n: number): string => `  - name: ${modelName(n)}
    match: { model: ${modelName(n)} }
    unit: "header:x-user-id"
    rules: [{ name: live, split: { iris-v1: 90, iris-v2: 10 } }]
`;
  const routes = Array.from({ length: count }, (_, n) => route(n)).join('');
  return (place) => renderMakas(place, { backends: ['iris-v1', 'iris-v2'], routes });
}

function nginxRoutes(count: number): Configure {
  const location = (n: number): string =>
    `    location /v2/models/${modelName(n)}/ { ${renderPass('$backend')} client_body_buffer_size 64k; }\n`;
  const locations = Array.from({ length: count }, (_, n) => location(n)).join('');
  return (place) => {
    const http = `${renderPool('iris_v1', place)}${renderPool('iris_v2', place)}
  split_clients $http_x_user_id $backend { 90% iris_v1; * iris_v2; }
  server {
    listen 127.0.0.1:${place.port} backlog=1024;
    location = ${READY_PATH} { return 200; }
${locations}  }
`;
    return renderNginx({ http });
  };
}

function routesCase(count: number, name: string, modelOf: (n: number, routes: number) => string): Case {
  return {
    ...flowerCase,
    name,
    request: (n) => flowerRequest(n, modelOf(n, count)),
    configs: { direct: none, nginx: nginxRoutes(count), makas: makasRoutes(count) },
  };
}

/** Whether the cost of a request grows with the configuration. */
export const routes: Scenario = {
  name: 'routes',
  about:
    'As `pass`, with this many routes, each for its own model; the load asks for the last of them, or is spread over all.',
  cases: [
    ...COUNTS.map((count) => routesCase(count, count === 1 ? '1 route' : `${count} routes`, last)),
    routesCase(10_000, '10000 routes, spread', spread),
  ],
  phases: [warm, saturation],
  bars: [
    {
      of: { peer: 'makas', case: '10000 routes', figure: 'cpuUsPerRequest' },
      to: { peer: 'makas', case: '1 route', figure: 'cpuUsPerRequest' },
      most: 1.03,
    },
  ],
  chart: 'cpuUsPerRequest',
};
