import { Buffer } from 'node:buffer';
import { test } from 'tap';

import { RequestFacts, type FactsHead } from '../../src/gateway/facts.ts';
import type { RequestHeaders } from '../../src/gateway/ports.ts';
import { BlockHeaders, ListedHeaders } from '../../src/gateway/request-headers.ts';
import { headerBlock } from '../../src/protocol/header-block.ts';
import { maxDepth } from '../../src/protocol/json-scan.ts';

function factsWith(
  headers: readonly string[] | RequestHeaders,
  query = '',
  asked: Partial<Pick<FactsHead, 'protocol' | 'operation'>> = {},
): RequestFacts {
  return new RequestFacts({
    requestId: 'r-1',
    timeMs: 0,
    method: 'POST',
    path: '/v2/models/iris/infer',
    query,
    protocol: 'oip',
    operation: 'infer',
    model: 'iris',
    version: '',
    headers: 'get' in headers ? headers : new ListedHeaders(headers),
    ...asked,
  });
}

function factsOfBody(body: string | Buffer, headers: readonly string[] = []): RequestFacts {
  const facts = factsWith(headers);
  facts.setBody(typeof body === 'string' ? Buffer.from(body) : body);
  return facts;
}

const list = ['X-A', '1', 'x-b', 'one', 'X-B', 'two', 'Cookie', 'a=b', 'cookie', 'c=d'];
const forms = { list: new ListedHeaders(list), block: new BlockHeaders(headerBlock(list), '') };

for (const [form, headers] of Object.entries(forms)) {
  test(`headers from a ${form} are found by lower-case name, repeated ones joined`, async (t) => {
    const facts = factsWith(headers);
    t.equal(facts.header('x-a'), '1');
    t.equal(facts.header('x-b'), 'one, two');
    t.equal(facts.header('x-c'), undefined);
    t.equal(facts.cookie('a'), 'b');
    t.equal(facts.cookie('c'), 'd');
    t.strictSame({ ...facts.allHeaders() }, { 'x-a': '1', 'x-b': 'one, two', cookie: 'a=b; c=d' });
  });
}

test('names that JavaScript gives every object are not there', async (t) => {
  for (const facts of [factsWith([]), factsWith(new BlockHeaders('', ''))]) {
    for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty']) {
      t.equal(facts.header(name), undefined);
      t.equal(facts.queryParameter(name), undefined);
      t.equal(facts.cookie(name), undefined);
      t.equal(facts.allHeaders()[name], undefined);
    }
  }
  const named = factsWith(['__proto__', 'a', 'constructor', 'b', 'cookie', '__proto__=c'], '__proto__=d&constructor=e');
  t.equal(named.header('__proto__'), 'a');
  t.equal(named.allHeaders()['__proto__'], 'a');
  t.equal(named.queryParameter('__proto__'), 'd');
  t.equal(named.queryParameter('constructor'), 'e');
  t.equal(named.cookie('__proto__'), 'c');
  t.equal(({} as Record<string, unknown>)['a'], undefined, 'no prototype was written to');
  const body = factsOfBody('{"a": {"__proto__": {"b": 1}}}');
  t.equal(body.field(['a', '__proto__', 'b']), 1);
  t.equal(body.field(['a', 'b']), undefined);
  t.equal(body.field(['a', 'constructor']), undefined);
});

test('bytes of a header are read as UTF-8, and as Latin-1 when they are not', async (t) => {
  const wire = Buffer.from('İstanbul', 'utf8').toString('latin1');
  const facts = factsWith(['x-utf8', wire, 'x-latin', 'caf\u00e9']);
  t.equal(facts.header('x-utf8'), 'İstanbul');
  t.equal(facts.header('x-latin'), 'café');
  t.strictSame({ ...facts.allHeaders() }, { 'x-utf8': 'İstanbul', 'x-latin': 'café' });
});

test('of equal query parameters the first counts, decoded', async (t) => {
  const facts = factsWith([], 'a=1&a=2&b=%C3%A7+x&c&d=%ZZ&=e');
  t.equal(facts.queryParameter('a'), '1');
  t.equal(facts.queryParameter('b'), 'ç x');
  t.equal(facts.queryParameter('c'), '');
  t.equal(facts.queryParameter('d'), '%ZZ');
  t.equal(facts.queryParameter('e'), undefined);
  t.equal(factsWith([]).queryParameter('a'), undefined);
});

test('cookies are read as they are, without quotes', async (t) => {
  const facts = factsWith(['cookie', 'a=1; b="two"; a=3; bad; =x; c=a=b; d=%20']);
  t.equal(facts.cookie('a'), '1');
  t.equal(facts.cookie('b'), 'two');
  t.equal(facts.cookie('c'), 'a=b');
  t.equal(facts.cookie('d'), '%20');
  t.equal(facts.cookie('bad'), undefined);
});

test('fields of the body are scalars by path', async (t) => {
  const facts = factsOfBody('{"a": {"b": [1, "two", true, null, 12345678901234567890, {"c": 0.5}]}, "t": "ç"}');
  t.equal(facts.field(['a', 'b', '0']), 1);
  t.equal(facts.field(['a', 'b', '1']), 'two');
  t.equal(facts.field(['a', 'b', '2']), true);
  t.equal(facts.field(['a', 'b', '3']), null);
  t.equal(facts.field(['a', 'b', '4']), '12345678901234567890');
  t.equal(facts.field(['a', 'b', '5', 'c']), 0.5);
  t.equal(facts.field(['t']), 'ç');
  t.equal(facts.field(['a', 'b']), undefined, 'no scalar');
  t.equal(facts.field(['x']), undefined);
});

test('a field that was looked up is remembered until there is another body', async (t) => {
  const path = ['a'];
  const facts = factsOfBody('{"a": 1}');
  t.equal(facts.field(path), 1);
  t.equal(facts.field(path), 1);
  facts.setBody(Buffer.from('{"a": 2}'));
  t.equal(facts.field(path), 2);
  t.strictSame(facts.parsedBody(), { a: 2 });
  facts.setBody(null);
  t.equal(facts.field(path), undefined);
  t.equal(facts.parsedBody(), undefined);
});

test('of a body with binary tensors only the JSON part is read', async (t) => {
  const json = '{"a": 1}';
  const body = Buffer.concat([Buffer.from(json), Buffer.from([0, 1, 2, 255])]);
  const facts = factsOfBody(body, ['Inference-Header-Content-Length', String(json.length)]);
  t.equal(facts.inferenceHeaderLength(), json.length);
  t.equal(facts.field(['a']), 1);
  t.strictSame(facts.parsedBody(), { a: 1 });
  facts.setBody(body, null);
  t.equal(facts.field(['a']), undefined, 'the whole is not JSON');
  t.equal(factsOfBody(body, ['inference-header-content-length', '-1']).inferenceHeaderLength(), null);
});

test('an encoded body is not read', async (t) => {
  for (const encoding of ['gzip', 'br', 'gzip, identity']) {
    const facts = factsOfBody('{"a": 1}', ['content-encoding', encoding]);
    t.equal(facts.isPlainBody(), false);
    t.equal(facts.field(['a']), undefined);
    t.equal(facts.parsedBody(), undefined);
  }
  t.equal(factsOfBody('{"a": 1}', ['content-encoding', 'Identity']).field(['a']), 1);
});

test('a body that is no JSON has no fields and is not parsed', async (t) => {
  for (const body of ['', '{', '{"a": 1} x', '{"a": NaNa}', '\u0000']) {
    const facts = factsOfBody(body);
    t.equal(facts.field(['a']), undefined);
    t.equal(facts.parsedBody(), undefined);
  }
});

test('NaN and infinities in a body read as null when it is parsed, and text stays text', async (t) => {
  const facts = factsOfBody('{"a": [NaN, -Infinity, Infinity, 1], "b": "NaN \\"Infinity\\" \\\\", "NaN": "\\\\"}');
  t.strictSame(facts.parsedBody(), { a: [null, null, null, 1], b: 'NaN "Infinity" \\', NaN: '\\' });
});

test('a body nested deeper than the scanner goes is no JSON, for fields and for parsing alike', async (t) => {
  const nested = (depth: number) => `{"a": 1, "b": ${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`;
  const deepest = factsOfBody(nested(maxDepth));
  t.equal(deepest.field(['a']), 1);
  t.match(deepest.parsedBody(), { a: 1 });
  for (const depth of [maxDepth + 1, 100_000]) {
    const facts = factsOfBody(nested(depth));
    t.equal(facts.field(['a']), undefined);
    t.equal(facts.parsedBody(), undefined);
  }
});

test('a length of the JSON part that cannot be is a problem of the framing', async (t) => {
  const problemOf = (value: string) =>
    factsWith(['Inference-Header-Content-Length', value]).framingProblem(92)?.message ?? null;
  for (const value of ['92, 92', '0x5c', '+92', '-1', '9.2e1', '', 'x', '1'.repeat(16)]) {
    t.match(problemOf(value), /^The header Inference-Header-Content-Length must be a number of bytes\.$/, value);
  }
  t.match(problemOf('93'), /larger than the body/);
  for (const value of ['92', '1', '0']) t.equal(problemOf(value), null, value);
  const twice = factsWith(['inference-header-content-length', '92', 'Inference-Header-Content-Length', '92']);
  t.match(twice.framingProblem(92), { code: 'BAD_REQUEST' }, 'sent twice');
  t.equal(factsWith([]).framingProblem(0), null, 'no such header');
});

test('the length of the JSON part is judged only where it counts the bytes of the body', async (t) => {
  const wrong = ['inference-header-content-length', '+92'];
  t.equal(factsWith(wrong, '', { protocol: 'kserve-v1' }).framingProblem(92), null);
  t.equal(factsWith(wrong, '', { operation: 'model-metadata' }).framingProblem(0), null);
  t.equal(factsWith([...wrong, 'content-encoding', 'gzip']).framingProblem(20), null, 'it counts decompressed bytes');
});

test('a field that was missed in a body that cannot be read is told, and only then', async (t) => {
  const deep = '['.repeat(maxDepth + 1) + ']'.repeat(maxDepth + 1);
  const cases: [string, readonly string[], string | undefined][] = [
    ['{"b": 1}', [], undefined],
    ['null', [], undefined],
    ['', [], undefined],
    ['a,b', ['content-type', 'text/csv'], undefined],
    ['{"b": 1', [], 'BAD_BODY'],
    ['{"b": 1', ['content-type', 'text/csv'], 'BAD_BODY'],
    [' [1', ['content-type', 'text/csv'], 'BAD_BODY'],
    ['\ufeff{"a": 1}', ['content-type', 'application/cloudevents+json; charset=utf-8'], 'BAD_BODY'],
    [deep, [], 'BAD_BODY'],
    ['{"a": 1}', ['content-encoding', 'gzip'], 'BAD_BODY'],
  ];
  for (const [body, headers, code] of cases) {
    const facts = factsOfBody(body, headers);
    t.equal(facts.fieldsProblem(), null, 'nobody looked');
    facts.field(['a']);
    t.equal(facts.fieldsProblem()?.code, code, `a field of ${body.slice(0, 20)}`);
    const parsed = factsOfBody(body, headers);
    parsed.parsedBody();
    t.equal(parsed.fieldsProblem()?.code, code, `the whole of ${body.slice(0, 20)}`);
  }
  const facts = factsOfBody('{');
  facts.field(['a']);
  facts.setBody(Buffer.from('{}'));
  facts.field(['a']);
  t.equal(facts.fieldsProblem(), null, 'another body');
  const infer = factsWith(['content-type', 'application/grpc'], '', { protocol: 'oip-grpc' });
  infer.setBody(Buffer.from([0x0a, 1, 0x6d, 0x22, 0x7f]));
  t.equal(infer.fieldsProblem(), null, 'nobody looked at the message');
  infer.field(['id']);
  t.match(infer.fieldsProblem(), { code: 'BAD_BODY', message: /malformed/ });
  const message = factsWith(['content-type', 'application/grpc'], '', { protocol: 'tfserving-grpc' });
  message.setBody(Buffer.from('\n[1'));
  message.field(['a']);
  t.equal(message.fieldsProblem(), null, 'messages that are not read have no fields');
});
