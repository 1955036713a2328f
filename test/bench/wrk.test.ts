import { test } from 'tap';
import { assertClean } from '../../bench/load/load.ts';
import { parseWrkResult, quoteLua, renderPlan } from '../../bench/load/wrk.ts';
import { firstCase } from '../../bench/scenario.ts';
import { pass } from '../../bench/scenarios/pass.ts';

const LINE =
  'result requests=60000 durationUs=4000500 p50Us=610 p99Us=1900 connect=0 read=1 write=0 timeout=0 status=2 body=0';
const OUTPUT = `Running 4s test @ http://127.0.0.1:9000\n  1 threads and 64 connections\n${LINE}\n`;

test('the result line of wrk gives requests, seconds, latencies and failures', (t) => {
  t.same(parseWrkResult(OUTPUT), {
    requests: 60_000,
    seconds: 4.0005,
    p50Us: 610,
    p99Us: 1_900,
    failures: { connect: 0, read: 1, write: 0, timeout: 0, status: 2, body: 0 },
  });
  t.end();
});

test('output without a result, or with an incomplete one, is an error', (t) => {
  t.throws(() => parseWrkResult('unable to connect\n'), /no result/);
  t.throws(() => parseWrkResult(OUTPUT.replace('p99Us=1900 ', '')), /no p99Us/);
  t.end();
});

test('a phase with failures or with no answer at all is refused, saying which peer and what failed', (t) => {
  const result = parseWrkResult(OUTPUT);
  t.throws(() => assertClean('bare', result), /bare: of 60000 requests .*read 1, status 2/);
  const clean = { ...result, failures: { read: 0, status: 0 } };
  t.doesNotThrow(() => assertClean('bare', clean));
  t.throws(() => assertClean('bare', { ...clean, requests: 0 }), /no request was answered/);
  t.end();
});

test('a Lua literal keeps every byte and cannot be broken out of', (t) => {
  t.equal(quoteLua('a "b" \\ 1\n'), '"a \\034b\\034 \\092 1\\010"');
  t.equal(quoteLua('é'), '"\\195\\169"');
  t.equal(quoteLua('\u00001'), '"\\0001"');
  t.end();
});

test('the plan holds every request, each with its own unit, and the answer', (t) => {
  const plan = renderPlan({ ...firstCase(pass), requests: 3 });
  for (const n of [0, 1, 2]) t.match(plan, new RegExp(`\\["x-user-id"\\] = "user-${n}"`));
  t.notMatch(plan, /user-3/);
  t.match(plan, /path = "\/v2\/models\/iris\/infer"/);
  t.match(plan, /answer = "\{\\034model_name/);
  t.end();
});
