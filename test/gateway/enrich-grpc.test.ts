import { Buffer } from 'node:buffer';

import { test } from 'tap';

import type { GrpcProtocol } from '../../src/core/facts.ts';
import type { EntityPart, FeatureView, Into } from '../../src/core/snapshot.ts';
import { RequestFacts } from '../../src/gateway/facts.ts';
import { ListedHeaders } from '../../src/gateway/request-headers.ts';
import { modelInferRequest, type ProtoRequest } from '../support/grpc-protos.ts';
import { entity, field, InstantStore, makeBench, makeView, type Placed, placed } from './feature-fixtures.ts';

const table = { x: entity([1.5, 2]), y: entity([3, 4.25]) };
const tensor: Into = { kind: 'tensor', name: 'f', datatype: 'FP32' };
const key = (source: EntityPart['source'], type: EntityPart['type'] = 'string') => [{ name: 'id', source, type }];

async function enrich(
  view: Partial<FeatureView>,
  message: Buffer | null,
  { protocol = 'oip-grpc' as GrpcProtocol, headers = {} as Record<string, string> } = {},
): Promise<Placed> {
  const views = [makeView(view)];
  const { enricher } = makeBench(views, () => new InstantStore(table));
  const facts = new RequestFacts({
    requestId: 'r',
    timeMs: 0,
    method: 'POST',
    path: '/inference.GRPCInferenceService/ModelInfer',
    query: '',
    protocol,
    operation: 'infer',
    model: 'm',
    version: '',
    headers: new ListedHeaders(Object.entries(headers).flat()),
  });
  facts.setBody(message);
  return placed(await enricher.enrich({ enrich: views }, facts, message, null), message);
}

async function enriched(view: Partial<FeatureView>, request: ProtoRequest): Promise<ProtoRequest | Placed> {
  const result = await enrich(view, modelInferRequest.encode(request));
  if (!result.ok || result.body === null) return result;
  return modelInferRequest.decode(result.body);
}

test('the entity of a gRPC request may be named in every place that its message has', async (t) => {
  const f = (rows: number, ...values: number[]) => {
    return { name: 'f', datatype: 'FP32', shape: [String(rows), '2'], contents: { fp32_contents: values } };
  };
  const ids = {
    name: 'ids',
    datatype: 'BYTES',
    shape: ['2'],
    contents: { bytes_contents: [Buffer.from('y'), Buffer.from('x')] },
  };
  const cases: [string, EntityPart['source'], ProtoRequest, ReturnType<typeof f>][] = [
    [
      'a parameter',
      { from: 'body', path: ['parameters', 'user'] },
      { parameters: { user: { string_param: 'y' } } },
      f(1, 3, 4.25),
    ],
    ['the id', { from: 'body', path: ['id'] }, { id: 'x' }, f(1, 1.5, 2)],
    ['a tensor', { from: 'tensor', name: 'ids' }, { inputs: [ids as never] }, f(2, 3, 4.25, 1.5, 2)],
  ];
  for (const [title, source, request, expected] of cases) {
    t.match(
      await enriched({ entity: key(source), into: tensor }, request),
      { ...request, inputs: [...(request.inputs ?? []), expected] },
      title,
    );
  }
});

test('one entity goes with every row of the batch, and metadata may name it', async (t) => {
  const x = { name: 'x', datatype: 'INT8', shape: [3, 1], contents: { int_contents: [1, 2, 3] } };
  const message = modelInferRequest.encode({ inputs: [x] });
  const view = { entity: key({ from: 'header', name: 'x-user' }), into: tensor };
  const result = await enrich(view, message, { headers: { 'x-user': 'x' } });
  t.match(result, { ok: true, isDecoded: false, inferenceHeaderLength: null });
  const body = (result.ok && result.body) || Buffer.alloc(0);
  t.match(modelInferRequest.decode(body).inputs?.[1], {
    shape: ['3', '2'],
    contents: { fp32_contents: [1.5, 2, 1.5, 2, 1.5, 2] },
  });
});

test('features go into the parameters of a gRPC request', async (t) => {
  const view = { entity: key({ from: 'body', path: ['id'] }), fields: [field('a', 'double', 0), field('b', 'int', 0)] };
  t.match(await enriched(view, { id: 'x' }), {
    id: 'x',
    parameters: { a: { double_param: 1.5 }, b: { int64_param: '2' } },
  });
});

test('a request that brings its features itself passes as the same bytes', async (t) => {
  const view = { entity: key({ from: 'body', path: ['id'] }), into: tensor };
  const f = { name: 'f', datatype: 'FP32', shape: [1, 2], contents: { fp32_contents: [7, 8] } };
  const message = modelInferRequest.encode({ id: 'x', inputs: [f] });
  const result = await enrich(view, message);
  t.equal(result.ok && result.body, message);
});

test('what a gRPC request cannot take is refused with a text that says why', async (t) => {
  const id = key({ from: 'body', path: ['id'] });
  const message = modelInferRequest.encode({ id: 'x' });
  const cases: [string, Partial<FeatureView>, Buffer | null, object][] = [
    [
      'columns',
      { entity: id, into: { kind: 'columns', position: 'append' } },
      message,
      { message: /requests of oip-grpc do not have/ },
    ],
    [
      'a pointer',
      { entity: id, into: { kind: 'pointer', path: ['x'] } },
      message,
      { message: /requests of oip-grpc do not have/ },
    ],
    [
      'an entity in a column',
      { entity: key({ from: 'column', name: 'u' }) },
      message,
      { message: /rows of a JSON body/ },
    ],
    ['no message', { entity: id }, null, { message: /needs a message/ }],
    ['a malformed message', { entity: id, onMissing: 'reject' }, Buffer.from([0x0a]), { message: /well-formed/ }],
  ];
  for (const [title, view, body, expected] of cases) {
    t.match(await enrich(view, body), { ok: false, code: 'BAD_BODY', ...expected }, title);
  }
  t.match(await enrich({ entity: id, onMissing: 'reject' }, Buffer.alloc(0)), {
    ok: false,
    code: 'ENTITY_MISSING',
    message: /the field id of the body/,
  });
  t.match(await enrich({ entity: id }, message, { protocol: 'tfserving-grpc' }), {
    ok: false,
    code: 'BAD_BODY',
    message: /Open Inference Protocol/,
  });
});
