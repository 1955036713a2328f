import { Buffer } from 'node:buffer';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { startGateway } from '../support/gateway.ts';
import { test } from '../support/lanes.ts';
import { startServer } from '../support/model-server.ts';

const multipart = Buffer.concat([
  Buffer.from('--B\r\nContent-Disposition: form-data; name="strData"\r\n\r\nhello\r\n'),
  Buffer.from('--B\r\nContent-Disposition: form-data; name="binData"; filename="f.bin"\r\n\r\n'),
  Buffer.from([0, 1, 255, 13, 10, 0]),
  Buffer.from('\r\n--B--\r\n'),
]);
const forms: readonly (readonly [type: string, body: Buffer])[] = [
  ['application/x-www-form-urlencoded', Buffer.from('json=%7B%22data%22%3A%7B%22ndarray%22%3A%5B1%5D%7D%7D')],
  ['application/x-www-form-urlencoded', Buffer.from('data=%7B%22ndarray%22%3A%5B1%5D%7D')],
  ['multipart/form-data; boundary=B', multipart],
  ['multipart/form-data; boundary=B', Buffer.concat([multipart, Buffer.alloc(2 << 20, 13)])],
];

test("Seldon's forms and multipart bodies pass byte for byte, and no condition on a body holds for them", async (t) => {
  const server = await startServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"strData":"ok"}');
  });
  const gateway = await startGateway((folder) => {
    writeFileSync(join(folder, 'u.jsonl'), '{"u":"f-1","a":1}\n');
    return `version: 1
listen:
  http: { host: 127.0.0.1, port: 0, mounts: [{ prefix: /s, protocol: seldon-v1, model: s }] }
  admin: { host: 127.0.0.1, port: 0 }
state: { kind: embedded, path: ${JSON.stringify(join(folder, 'var'))} }
features:
  more:
    provider: embedded
    path: ${JSON.stringify(join(folder, 'u.jsonl'))}
    entity: { u: { from: 'header:x-u' } }
    keyField: u
    fields: { a: float }
    into: { pointer: /jsonData }
    onMissing: { default: 0 }
backends:
  named: { protocol: seldon-v1, endpoints: ['${server.url}'] }
  other: { protocol: seldon-v1, endpoints: ['${server.url}'] }
routes:
  - name: s
    expose: true
    unit: body:strData
    rules:
      - { name: enriched, when: { headers: { x-enrich: '1' } }, backend: other, enrich: [more] }
      - { name: named, when: { body: { strData: hello } }, backend: named }
      - { name: rest, backend: other }
`;
  });
  t.teardown(async () => {
    await gateway.close();
    await server.close();
  });
  const post = (path: string, type: string, body: Buffer, headers: Readonly<Record<string, string>> = {}) =>
    fetch(`${gateway.url}/s/api/v1.0/${path}`, { method: 'POST', body, headers: { 'content-type': type, ...headers } });
  for (const [type, body] of forms) {
    const answer = await post('predictions', type, body);
    t.equal(answer.status, 200);
    t.equal(answer.headers.get('makas-backend'), 'other');
    t.ok(server.received.at(-1)?.body.equals(body));
    t.equal(server.received.at(-1)?.headers['content-type'], type);
    const enriched = await post('predictions', type, body, { 'x-enrich': '1', 'x-u': 'f-1' });
    t.equal(enriched.status, 400);
    t.match(await enriched.json(), { status: { reason: 'BAD_BODY', status: 'FAILURE', info: /JSON/ } });
  }
  t.equal(server.received.length, forms.length);
  const json = await post('predictions', 'application/json', Buffer.from('{"strData":"hello"}'));
  t.equal(json.headers.get('makas-backend'), 'named');
  const feedback = await post('feedback', ...forms[0]!);
  t.equal(feedback.status, 415);
  t.match(await feedback.json(), { status: { info: /as JSON/ } });
});
