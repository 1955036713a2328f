import { READY_PATH, renderNginx } from '../nginx.ts';
import type { Place, Scenario } from '../scenario.ts';

// About 300 bytes, the size of one row of a small tabular model.
const body = JSON.stringify({
  id: '7f3c1c9e-0d0f-4c55-9d0b-3a0f6a5b2e11',
  inputs: [
    { name: 'input', shape: [1, 4], datatype: 'FP32', data: [5.1, 3.5, 1.4, 0.2] },
    { name: 'context', shape: [1, 4], datatype: 'FP32', data: [0.25, 0.5, 0.75, 1.5] },
  ],
  outputs: [{ name: 'scores' }, { name: 'label' }],
  parameters: { flower_id: 'f-000123' },
});

const answer = JSON.stringify({
  model_name: 'iris',
  model_version: '1',
  id: '7f3c1c9e-0d0f-4c55-9d0b-3a0f6a5b2e11',
  outputs: [{ name: 'scores', shape: [1, 3], datatype: 'FP32', data: [0.97, 0.02, 0.01] }],
});

function makas(place: Place): string {
  const backend = `{ protocol: oip, endpoints: ["http://127.0.0.1:${place.upstreamPort}"], timeout: 5s }`;
  return `version: 1
listen:
  http: { host: 127.0.0.1, port: ${place.port} }
  admin: { host: 127.0.0.1, port: ${place.adminPort} }
state: { kind: embedded, path: ${JSON.stringify(`${place.dir}/state`)} }
backends:
  iris-v1: ${backend}
  iris-v2: ${backend}
routes:
  - name: iris
    match: { model: iris }
    unit: "header:x-user-id"
    rules:
      - name: live
        split: { iris-v1: 90, iris-v2: 10 }
`;
}

function nginx(place: Place): string {
  const upstream = `{ server 127.0.0.1:${place.upstreamPort}; keepalive 128; keepalive_requests 1000000000; }`;
  return renderNginx(`  upstream iris_v1 ${upstream}
  upstream iris_v2 ${upstream}
  split_clients $http_x_user_id $backend { 90% iris_v1; * iris_v2; }
  server {
    listen 127.0.0.1:${place.port} backlog=1024;
    location = ${READY_PATH} { return 200; }
    location /v2/models/iris/ {
      client_max_body_size 1m;
      client_body_buffer_size 64k;
      proxy_pass http://$backend;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
`);
}

/** The plain case that nearly all the load is: routed by model, split 90/10 by user, nothing else asked for. */
export const pass: Scenario = {
  name: 'pass',
  about:
    'An OIP predict request, routed by the model in its path, split 90/10 between two backends and sticky by user.',
  request: {
    method: 'POST',
    path: '/v2/models/iris/infer',
    headers: { 'content-type': 'application/json', accept: '*/*', 'user-agent': 'makas-bench' },
    body,
  },
  unitHeader: 'x-user-id',
  units: 1_000,
  answer: { contentType: 'application/json', body: answer },
  configs: { makas, nginx },
};
