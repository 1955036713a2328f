import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { credentials, ServerCredentials, status } from '@grpc/grpc-js';
import { test } from 'tap';
import { Agent, request } from 'undici';

import { startApp } from '../../src/app.ts';
import { prepareConfigFile } from '../../src/config/prepare.ts';
import { type Certificates, makeCertificates, readPem } from '../support/certificates.ts';
import { GrpcClient, inferAnswering, inferRequest, startModel } from '../support/grpc.ts';
import { grpcConfig, startGrpcGateway, startWith } from '../support/grpc-gateway.ts';
import { answerInfer, startServer } from '../support/model-server.ts';

const folder = mkdtempSync(join(tmpdir(), 'makas-tls-'));
const files: Certificates = makeCertificates(folder);
const serverTls = `{ cert: ${files.server.cert}, key: ${files.server.key} }`;
const mutualTls = `{ cert: ${files.server.cert}, key: ${files.server.key}, clientCa: ${files.ca} }`;
const clientPair = [readPem(files.client.key), readPem(files.client.cert)] as const;

process.once('exit', () => rmSync(folder, { recursive: true, force: true }));

function trusting(pair?: readonly [Buffer, Buffer]) {
  return credentials.createSsl(readPem(files.ca), pair?.[0], pair?.[1]);
}

test('TLS: gRPC by ALPN, for clients that trust the authority', async (t) => {
  const model = await startModel(inferAnswering('m'));
  const gateway = await startGrpcGateway([model.url], { grpc: `tls: ${serverTls}` });
  t.match(gateway.grpcUrl, /^https:/);
  const client = new GrpcClient(gateway.grpcUrl, undefined, {}, trusting());
  t.equal((await client.unary('ModelInfer', inferRequest('m'))).code, status.OK);
  const plain = new GrpcClient(gateway.grpcUrl);
  t.equal((await plain.unary('ModelInfer', inferRequest('m'), { timeoutMs: 2000 })).code, status.UNAVAILABLE);
  plain.close();
  client.close();
  await gateway.close();
  model.close();
});

test('TLS with client certificates: who has none is not let in', async (t) => {
  const model = await startModel(inferAnswering('m'));
  const gateway = await startGrpcGateway([model.url], { grpc: `tls: ${mutualTls}` });
  const known = new GrpcClient(gateway.grpcUrl, undefined, {}, trusting(clientPair));
  t.equal((await known.unary('ModelInfer', inferRequest('m'))).code, status.OK);
  const stranger = new GrpcClient(gateway.grpcUrl, undefined, {}, trusting());
  t.equal((await stranger.unary('ModelInfer', inferRequest('m'), { timeoutMs: 2000 })).code, status.UNAVAILABLE);
  known.close();
  stranger.close();
  await gateway.close();
  model.close();
});

test('TLS towards the model, with a certificate of the gateway', async (t) => {
  const pair = { private_key: readPem(files.server.key), cert_chain: readPem(files.server.cert) };
  const model = await startModel(inferAnswering('m'), {
    credentials: ServerCredentials.createSsl(readPem(files.ca), [pair], true),
  });
  const url = model.url.replace('http:', 'https:');
  const tls = (keys: string) => `tls: { ca: ${files.ca}${keys} }`;
  const gateway = await startGrpcGateway([url], {
    backend: tls(`, cert: ${files.client.cert}, key: ${files.client.key}`),
  });
  const client = new GrpcClient(gateway.grpcUrl);
  const answer = await client.unary('ModelInfer', inferRequest('m'));
  t.equal(answer.code, status.OK, answer.details);
  client.close();
  await gateway.close();
  const without = await startGrpcGateway([url], { backend: tls('') });
  const refused = new GrpcClient(without.grpcUrl);
  t.equal((await refused.unary('ModelInfer', inferRequest('m'))).code, status.UNAVAILABLE);
  refused.close();
  await without.close();
  model.close();
});

test('REST over TLS: HTTP/2 and HTTP/1.1 on the same port', async (t) => {
  const server = await startServer(answerInfer('m'));
  const gateway = await startWith({
    http: `tls: ${serverTls}`,
    backends: `  main: { protocol: oip, endpoints: ["${server.url}"] }`,
    routes: '  - { name: all, rules: [{ backend: main }] }',
  });
  t.match(gateway.url, /^https:/);
  const body = '{"inputs":[]}';
  for (const allowH2 of [true, false]) {
    const agent = new Agent({ allowH2, connect: { ca: readPem(files.ca) } });
    const headers = { 'content-type': 'application/json' };
    const answer = await request(`${gateway.url}/v2/models/m/infer`, {
      method: 'POST',
      dispatcher: agent,
      headers,
      body,
    });
    t.equal(answer.statusCode, 200);
    t.match(await answer.body.json(), { model_name: 'm' });
    t.equal(answer.headers['connection'] === undefined, allowH2, allowH2 ? 'HTTP/2' : 'HTTP/1.1');
    await agent.close();
  }
  t.equal(server.received.length, 2);
  await gateway.close();
  await server.close();
});

test('files that cannot be read, or are none, keep the gateway from starting, and it says which', async (t) => {
  const bad = join(folder, 'bad.pem');
  writeFileSync(bad, 'nothing');
  const cases = [
    [`{ cert: ${join(folder, 'none.pem')}, key: ${files.server.key} }`, /listen\.grpc\.tls cannot be read.*none\.pem/],
    [`{ cert: ${bad}, key: ${files.server.key} }`, /listen\.grpc\.tls are no certificate/],
    [`{ cert: ${files.server.cert}, key: ${files.client.key} }`, /listen\.grpc\.tls are no certificate/],
  ] as const;
  for (const [tls, message] of cases) {
    const yaml = grpcConfig({
      grpc: `tls: ${tls}`,
      backends: '  main: { protocol: oip-grpc, endpoints: ["http://127.0.0.1:1"] }',
      routes: '  - { name: all, rules: [{ backend: main }] }',
    });
    const path = join(folder, 'makas.yaml');
    writeFileSync(path, yaml(folder));
    const config = prepareConfigFile(path);
    if (config.snapshot === null) throw new Error(JSON.stringify(config.problems));
    await t.rejects(startApp({ path, config }), { message });
  }
  t.match(String(execFileSync('openssl', ['x509', '-in', files.server.cert, '-noout', '-subject'])), /server/);
});
