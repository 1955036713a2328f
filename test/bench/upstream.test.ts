import { request } from 'node:http';
import { once } from 'node:events';
import { test } from 'tap';
import { parseCalls, quoteNginx, renderUpstream } from '../../bench/upstream/upstream.ts';
import { isForwarded, startWitness } from '../../bench/upstream/witness.ts';
import { probeOne } from '../../bench/probe.ts';
import { firstCase } from '../../bench/scenario.ts';
import { body, fillJson } from '../../bench/scenarios/body.ts';
import { enrich } from '../../bench/scenarios/enrich.ts';
import { enrichedBody, FEATURES, flowerRequest, flowers } from '../../bench/scenarios/flower.ts';
import { pass } from '../../bench/scenarios/pass.ts';

const PASS = firstCase(pass);
const ENRICH = firstCase(enrich);

test('the number of requests is read out of the page of nginx, and another page is an error', (t) => {
  const page = 'Active connections: 1 \nserver accepts handled requests\n 3 3 71 \nReading: 0 Writing: 1 Waiting: 0 \n';
  t.equal(parseCalls(page), 71);
  t.throws(() => parseCalls('404'), /not a page/);
  t.end();
});

test('an answer keeps its quotes in the configuration of nginx, and a dollar sign is refused', (t) => {
  t.equal(quoteNginx(`a'b\\c`), `'a\\'b\\\\c'`);
  t.throws(() => quoteNginx('$x'), /dollar/);
  t.end();
});

test('a small answer stands in the configuration, a large one comes from a file after the body was read', (t) => {
  t.match(renderUpstream(PASS, 1), /return 200 '\{"model_name"/);
  const large = renderUpstream(firstCase(body), 1);
  t.match(large, /read_body[\s\S]*try_files \/answer/);
  t.notMatch(large, /return 200 '\{"model_name"/);
  t.end();
});

test('what is forwarded must be the same bytes, or the same JSON where the peer adds to it', (t) => {
  t.ok(isForwarded(PASS, 3, flowerRequest(3).body));
  t.notOk(isForwarded(PASS, 3, `${flowerRequest(3).body} `));
  t.ok(isForwarded(ENRICH, 3, ` ${enrichedBody(3)}`));
  t.notOk(isForwarded(ENRICH, 3, enrichedBody(4)));
  t.notOk(isForwarded(ENRICH, 3, flowerRequest(3).body));
  t.notOk(isForwarded(ENRICH, 3, 'no JSON'));
  t.end();
});

test('the enriched body holds what Redis holds, in the order of the features', (t) => {
  const fields = flowers[7]?.fields ?? {};
  const values = FEATURES.map((name) => Number(fields[name]));
  const { inputs } = JSON.parse(enrichedBody(7));
  t.same(inputs.at(-1), { name: 'features', shape: [1, 10], datatype: 'FP32', data: values });
  t.equal(flowers[7]?.key, `flower:${JSON.parse(flowerRequest(7).body).parameters.flower_id}`);
  t.end();
});

test('the witness answers as the upstream and tells what did not reach it', async (t) => {
  const witness = await startWitness(PASS);
  t.teardown(witness.stop);
  t.throws(() => witness.assertForwarded('some', 0), /some forwarded request 0 wrongly/);
  await probeOne('straight', witness.port, PASS, 0);
  t.doesNotThrow(() => witness.assertForwarded('some', 0));
  t.throws(() => witness.assertForwarded('some', 1), /expected: /);
  witness.clear();
  t.throws(() => witness.assertForwarded('some', 0));
  const outgoing = request({ host: '127.0.0.2', port: witness.port, path: '/v1/traces', method: 'POST', agent: false });
  outgoing.end(flowerRequest(0).body);
  const [incoming] = await once(outgoing, 'response');
  incoming.resume();
  t.throws(() => witness.assertForwarded('some', 0), 'traces are no predictions');
});

test('bodies have exactly the size of their case, both ways, and are JSON', (t) => {
  for (const kib of [1, 32, 1_024]) {
    const text = fillJson(kib * 1_024, (data) => ({ data }));
    t.equal(Buffer.byteLength(text), kib * 1_024);
    t.ok(JSON.parse(text).data.length > 50);
  }
  for (const each of body.cases.slice(0, 2)) {
    t.equal(Buffer.byteLength(each.request(0).body), Buffer.byteLength(each.answer.body));
  }
  t.end();
});
