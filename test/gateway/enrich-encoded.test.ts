import { Buffer } from 'node:buffer';
import { gunzipSync, gzipSync } from 'node:zlib';

import { test } from 'tap';

import { RequestFacts } from '../../src/gateway/facts.ts';
import { ListedHeaders } from '../../src/gateway/request-headers.ts';
import { entity, InstantStore, makeBench, makeView, type Placed, placed } from './feature-fixtures.ts';

function decode(encoding: string, body: Uint8Array): Buffer | 'too-large' | null {
  if (encoding === 'bomb') return 'too-large';
  try {
    return encoding === 'gzip' ? gunzipSync(body) : null;
  } catch {
    return null;
  }
}

async function enrich(body: Buffer, encoding: string, inferenceHeaderLength: number | null = null): Promise<Placed> {
  const views = [makeView({ entity: [{ name: 'id', source: { from: 'body', path: ['id'] }, type: 'string' }] })];
  const { enricher } = makeBench(views, () => new InstantStore({ x: entity([1.5, 2]) }));
  const facts = new RequestFacts({
    requestId: 'r',
    timeMs: 0,
    method: 'POST',
    path: '/v2/models/m/infer',
    query: '',
    protocol: 'oip',
    operation: 'infer',
    model: 'm',
    version: '',
    headers: new ListedHeaders(['content-encoding', encoding]),
    decode,
  });
  facts.setBody(body, inferenceHeaderLength);
  return placed(await enricher.enrich({ enrich: views }, facts, body, inferenceHeaderLength), body);
}

const text = (result: Placed) => (result.ok ? result.body?.toString() : result.message);

test('features are put into a compressed body, which leaves plain', async (t) => {
  const result = await enrich(gzipSync('{"id":"x"}'), 'gzip');
  t.match(result, { ok: true, isDecoded: true, inferenceHeaderLength: null });
  t.equal(text(result), '{"id":"x","parameters":{"a":1.5,"b":2}}');
});

test('the length of the JSON counts the bytes without the encoding', async (t) => {
  const inputs = '"inputs":[{"name":"i","datatype":"UINT8","shape":[6],"parameters":{"binary_data_size":6}}]';
  const json = `{"id":"x",${inputs}}`;
  const body = gzipSync(`${json}binary`);
  const result = await enrich(body, 'gzip', json.length);
  const enriched = `{"id":"x",${inputs},"parameters":{"a":1.5,"b":2}}`;
  t.equal(text(result), `${enriched}binary`);
  t.match(result, { inferenceHeaderLength: enriched.length, isDecoded: true });
  t.match(await enrich(body, 'gzip', json.length + 7), {
    ok: false,
    code: 'BAD_REQUEST',
    message: /larger than the body/,
  });
});

test('a plain body is not said to be decoded', async (t) => {
  t.match(await enrich(Buffer.from('{"id":"x"}'), 'identity'), { ok: true, isDecoded: false });
});

test('a body that cannot be decoded is refused with the encodings that can', async (t) => {
  for (const [body, encoding] of [
    [Buffer.from('no gzip'), 'gzip'],
    [Buffer.from('{"id":"x"}'), 'zstd'],
  ] as const) {
    const result = await enrich(body, encoding);
    t.match(result, { ok: false, code: 'BAD_BODY', message: /gzip, deflate or br/ }, encoding);
  }
});

test('a body that inflates to more than is allowed is too large', async (t) => {
  t.match(await enrich(Buffer.from('x'), 'bomb'), { ok: false, code: 'BODY_TOO_LARGE' });
});
