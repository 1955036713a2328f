import { Buffer } from 'node:buffer';
import { gzipSync } from 'node:zlib';

import { test, type Test } from 'tap';

import { makeSnapshot, Model, scores, startRig, until, type ShadowSettings } from './mirror-fixtures.ts';

/** A gateway with one primary that answers `scores(1)` and these shadows. */
async function rigWith(t: Test, ...shadows: ShadowSettings[]) {
  const primary = await Model.answering(t, scores(1));
  const snapshot = makeSnapshot(primary, shadows);
  return { primary, snapshot, ...(await startRig(t, snapshot)) };
}

test('a copy has the path, body and headers of the request, is marked, and shares no connection with real requests', async (t) => {
  const primary = await Model.answering(t, scores(1));
  // The primary and the first shadow are the same server; with one connection each, sharing would show.
  const renamed = await Model.answering(t, scores(1));
  const rig = await startRig(t, makeSnapshot(primary, [{ url: primary.url }, { url: renamed.url }], 1));
  const body = '{"id":"a","inputs":[],"x":NaN}';
  const headers = {
    'x-request-id': 'abc',
    'x-user': 'u',
    'accept-encoding': 'gzip',
    'makas-shadow': 'forged',
    'x-shadow': '0',
  };
  const answer = await rig.post(body, headers);
  t.equal(answer.status, 200);
  await until(() => rig.mirror.describe().every((shadow) => shadow.agree === 1));

  t.equal(primary.received.length, 2);
  const [real, copy] = primary.received;
  t.match(real?.headers, { 'x-request-id': 'abc', 'x-shadow': '0', 'accept-encoding': 'gzip' });
  t.notOk(real?.headers['makas-shadow']);
  t.match(copy, { url: '/v2/models/m/infer', body: Buffer.from(body) });
  const marks = {
    'x-request-id': 'abc',
    'x-user': 'u',
    'x-shadow': '1',
    'makas-shadow': 'one',
    'accept-encoding': 'identity',
  };
  t.hasStrict(copy?.headers, marks);
  t.notOk(copy?.headers['makas-decision']);
  t.hasStrict(renamed.received[0], { url: '/v2/models/renamed/infer', headers: marks });
  t.equal(rig.meter.of('makas_shadow_total iris shadow-0 ok'), 1);
  t.equal(rig.meter.of('makas_shadow_compared_total iris shadow-0 agree'), 1);
  t.equal(rig.meter.observed.get('makas_shadow_latency_difference_seconds iris shadow-0')?.length, 1);
  t.strictSame(rig.journal.errors, []);

  for (let posts = 2; posts < 6; posts++) {
    await rig.post(body, headers);
    await until(() => rig.mirror.describe().every((shadow) => shadow.agree === posts));
  }
  const portsOf = (marked: boolean) =>
    primary.received.filter((one) => 'makas-shadow' in one.headers === marked).map((one) => one.port);
  t.strictSame(
    portsOf(true).filter((port) => portsOf(false).includes(port)),
    [],
  );
});

test('a shadow that never answers leaves the answers alone; its queue fills, and what does not fit is dropped and counted', async (t) => {
  const hanging = await Model.hanging(t);
  const rig = await rigWith(t, { url: hanging.url, concurrency: 3, queue: 4 });
  for (let i = 0; i < 4; i++) {
    const answers = await Promise.all(Array.from({ length: 5 }, () => rig.post()));
    for (const answer of answers) t.same([answer.status, answer.body.toString()], [200, scores(1)]);
  }
  await until(() => rig.meter.of('makas_shadow_dropped_total iris shadow-0 queue_full') === 13 && hanging.under === 3);
  t.equal(rig.meter.of('makas_shadow_total iris shadow-0 dropped'), 13);
  t.equal(rig.meter.of('makas_shadow_inflight shadow-0'), 3);
  t.equal(rig.meter.of('makas_shadow_queue shadow-0'), 4);
  t.match(rig.mirror.describe(), [
    { route: 'iris', rule: 'live', backend: 'shadow-0', inflight: 3, queued: 4, sent: 3 },
  ]);

  // Once it answers, the queue moves on, never faster than allowed.
  hanging.answer = (response) => response.end(scores(1));
  for (const response of hanging.waiting) response.end(scores(1));
  await until(() => rig.mirror.describe()[0]?.agree === 7);
  t.equal(hanging.mostUnder, 3);
  t.equal(rig.meter.of('makas_shadow_inflight shadow-0'), 0);
  t.equal(rig.meter.of('makas_shadow_queue shadow-0'), 0);
});

test('a copy times out on its own, and copies that waited longer than that are not sent any more', async (t) => {
  const hanging = await Model.hanging(t);
  const rig = await rigWith(t, { url: hanging.url, concurrency: 1, timeoutMs: 100 });
  await Promise.all([rig.post(), rig.post(), rig.post()]);
  const ended = () => {
    const [shadow] = rig.mirror.describe();
    return { timeout: shadow?.timeout ?? 0, deadline: shadow?.dropped.deadline ?? 0 };
  };
  await until(() => ended().timeout + ended().deadline === 3);
  t.ok(ended().deadline >= 1, 'those behind a copy that timed out have waited as long');
  t.equal(rig.meter.of('makas_shadow_total iris shadow-0 timeout'), ended().timeout);
  // The connection of a copy that timed out is closed.
  await until(() => hanging.left === hanging.received.length);
});

test('a copy that starts after the answer is not sent when the primary fails or the client leaves', async (t) => {
  const hanging = await Model.hanging(t);
  const shadow = await Model.answering(t, scores(1));
  const rig = await startRig(t, makeSnapshot(hanging, [{ url: shadow.url }]));
  const leaving = new AbortController();
  const left = rig.post('{}', {}, leaving.signal);
  await until(() => hanging.waiting.length === 1);
  leaving.abort();
  await t.rejects(left);
  const cancelled = () => rig.meter.of('makas_shadow_dropped_total iris shadow-0 cancelled');
  await until(() => cancelled() === 1);

  hanging.answer = (response) => void response.destroy();
  t.equal((await rig.post()).status, 502);
  await until(() => cancelled() === 2);
  t.equal(shadow.received.length, 0);
});

test('an immediate copy is sent beside the primary, and compared when both have answered', async (t) => {
  const primary = await Model.hanging(t);
  const shadow = await Model.answering(t, scores(2));
  const rig = await startRig(t, makeSnapshot(primary, [{ url: shadow.url, start: 'immediate' }]));
  const answered = rig.post();
  await until(() => rig.mirror.describe()[0]?.ok === 1 && primary.waiting.length === 1);
  t.match(rig.mirror.describe(), [{ mismatch: 0, agree: 0 }], 'nothing is compared before the primary has answered');
  primary.waiting[0]?.end(scores(1));
  await answered;
  await until(() => rig.mirror.describe()[0]?.mismatch === 1);
  t.ok((rig.mirror.describe()[0]?.meanLatencyDifferenceMs ?? 0) < 0, 'the shadow was faster');

  const leaving = new AbortController();
  const left = rig.post('{}', {}, leaving.signal);
  await until(() => rig.mirror.describe()[0]?.ok === 2);
  leaving.abort();
  await t.rejects(left);
  await rig.mirror.drain(1000);
  t.match(rig.mirror.describe(), [{ sent: 2, ok: 2, mismatch: 1, incomparable: 0, dropped: { cancelled: 0 } }]);
});

test('an immediate copy that still waits is not sent when the client leaves', async (t) => {
  const primary = await Model.hanging(t);
  const shadow = await Model.hanging(t);
  const rig = await startRig(t, makeSnapshot(primary, [{ url: shadow.url, start: 'immediate', concurrency: 1 }]));
  const first = rig.post();
  await until(() => shadow.waiting.length === 1);
  const leaving = new AbortController();
  const left = rig.post('{}', {}, leaving.signal);
  await until(() => rig.mirror.describe()[0]?.queued === 1);
  leaving.abort();
  await t.rejects(left);
  await until(() => rig.mirror.describe()[0]?.dropped.cancelled === 1);
  t.equal(rig.mirror.describe()[0]?.queued, 0);
  shadow.waiting[0]?.end(scores(1));
  primary.waiting[0]?.end(scores(1));
  await first;
  await until(() => rig.mirror.describe()[0]?.agree === 1);
  t.equal(shadow.received.length, 1);
  t.match(rig.mirror.describe(), [{ sent: 1, ok: 1, error: 0, dropped: { cancelled: 1 } }]);
});

test('bodies that are too large or stream by, other protocols and backends without endpoints get no copy', async (t) => {
  const shadow = await Model.answering(t, scores(1));
  const other: ShadowSettings = { url: shadow.url, protocol: 'mlflow' };
  const rig = await rigWith(t, { url: shadow.url, maxBodyBytes: 100 }, { url: '' }, other);
  t.equal((await rig.post('x'.repeat(101))).status, 200);
  t.equal((await rig.post('{}', { 'x-stream': '1' })).status, 200);
  await until(() => rig.mirror.describe()[1]?.dropped.no_endpoint === 1);
  t.match(rig.mirror.describe(), [
    { sent: 0, dropped: { body_too_large: 1, streamed: 1 } },
    // A body that streams by is gone before anything else matters.
    { sent: 0, dropped: { streamed: 1, no_endpoint: 1 } },
    { sent: 0, dropped: { streamed: 1, protocol: 1 } },
  ]);
  t.equal(shadow.received.length, 0);
  t.strictSame(rig.journal.errors, []);
});

test('a shadow that refuses, resets or fails is counted as an error', async (t) => {
  const closed = await Model.answering(t, '');
  const resetting = await new Model((response) => void response.destroy()).listen(t);
  const failing = await Model.answering(t, 'down', 503);
  const rig = await rigWith(
    t,
    { url: 'http://127.0.0.1:1' },
    { url: resetting.url },
    { url: failing.url },
    { url: closed.url },
  );
  t.equal((await rig.post()).status, 200);
  await until(() => rig.mirror.describe().every((shadow) => shadow.sent === 1 && shadow.inflight === 0));
  t.match(rig.mirror.describe(), [
    { error: 1, mismatch: 0, incomparable: 0 },
    { error: 1, mismatch: 0, incomparable: 0 },
    { error: 1, mismatch: 1, meanLatencyDifferenceMs: null },
    { ok: 1, mismatch: 1 },
  ]);
  const byShadow = (name: string) => rig.journal.infos.find((line) => line['shadow'] === name);
  t.match(byShadow('shadow-2'), { reason: 'status', primaryStatus: 200, shadowStatus: 503, shadowOutputs: 'down' });
  t.match(byShadow('shadow-3'), { reason: 'unreadable' });
});

test('answers are compared as they are on the wire: binary tensors, compressed, larger than the limit, switched off', async (t) => {
  const tensor = (values: number[]) => {
    const head = Buffer.from(
      JSON.stringify({
        outputs: [
          {
            name: 'y',
            datatype: 'FP32',
            shape: [values.length],
            parameters: { binary_data_size: 4 * values.length },
          },
        ],
      }),
    );
    const headers = {
      'inference-header-content-length': String(head.length),
      'content-type': 'application/octet-stream',
    };
    return { headers, body: Buffer.concat([head, Buffer.from(Float32Array.from(values).buffer)]) };
  };
  const binary = tensor([1, NaN]);
  const primary = await Model.answering(t, binary.body, 200, binary.headers);
  const same = await Model.answering(t, '{"outputs":[{"name":"y","shape":[2],"datatype":"FP32","data":[1,NaN]}]}');
  const different = tensor([1, 2]);
  const shadows = [
    same,
    await Model.answering(t, different.body, 200, different.headers),
    await Model.answering(t, gzipSync(scores(1)), 200, { 'content-encoding': 'gzip' }),
    await Model.answering(t, scores(...Array.from({ length: 400 }, (_, i) => i))),
    same,
  ];
  const settings = shadows.map(({ url }, i): ShadowSettings => ({
    url,
    maxBodyBytes: 1000,
    ...(i === 4 ? { compare: null } : {}),
  }));
  const rig = await startRig(t, makeSnapshot(primary, settings));
  t.equal((await rig.post()).status, 200);
  await until(() => rig.mirror.describe().every((shadow) => shadow.sent === 1 && shadow.inflight === 0));
  t.match(rig.mirror.describe(), [
    { agree: 1, mismatch: 0 },
    { agree: 0, mismatch: 1 },
    { incomparable: 1 },
    { incomparable: 1 },
    { ok: 1, agree: 0, mismatch: 0, incomparable: 0 },
  ]);
  t.match(rig.journal.infos, [
    { reason: 'values', primaryOutputs: 'y[2]: 1, NaN', shadowOutputs: 'y[2]: 1, 2', maxDifference: Infinity },
  ]);

  const zipped = await Model.answering(t, gzipSync(scores(1)), 200, { 'content-encoding': 'gzip' });
  const second = await startRig(t, makeSnapshot(zipped, [{ url: same.url }]));
  await second.post();
  await until(() => second.mirror.describe()[0]?.incomparable === 1);
});

test('mismatches are logged by share and at most ten times a second, with no more than 2 KiB of each answer', async (t) => {
  const long = await Model.answering(t, scores(...Array.from({ length: 3000 }, (_, i) => i + 0.5)));
  const rig = await rigWith(t, { url: long.url }, { url: long.url, logShare: 0 });
  const startMs = performance.now();
  for (let i = 0; i < 30; i++) await rig.post('{}', { 'x-request-id': `id-${i}` });
  await until(() => rig.mirror.describe().every((shadow) => shadow.mismatch === 30));
  const seconds = Math.ceil((performance.now() - startMs) / 1000);
  t.ok(rig.journal.infos.length >= 10 && rig.journal.infos.length <= 10 * seconds);
  t.ok(rig.journal.infos.every((line) => line['shadow'] === 'shadow-0'));
  const line = rig.journal.infos[0] ?? {};
  t.match(line, {
    requestId: 'id-0',
    route: 'iris',
    rule: 'live',
    primary: 'one',
    shadow: 'shadow-0',
    reason: 'shape',
  });
  t.equal(String(line['shadowOutputs']).length, 2048);
});

test('a reload keeps the queue, the copies under way and the counts of a shadow that stays', async (t) => {
  const hanging = await Model.hanging(t);
  const rig = await rigWith(t, { url: hanging.url, concurrency: 1, queue: 2 });
  await Promise.all([rig.post(), rig.post(), rig.post(), rig.post()]);
  await until(() => hanging.waiting.length === 1 && rig.mirror.describe()[0]?.dropped.queue_full === 1);

  rig.gateway.adopt(makeSnapshot(rig.primary, [{ url: hanging.url, concurrency: 1, queue: 2 }]));
  t.match(rig.mirror.describe(), [{ inflight: 1, queued: 2, sent: 1, dropped: { queue_full: 1 } }]);
  await rig.post();
  await until(() => rig.mirror.describe()[0]?.dropped.queue_full === 2);

  rig.gateway.adopt(makeSnapshot(rig.primary, [{ url: hanging.url, concurrency: 3, queue: 2 }]));
  await until(() => hanging.waiting.length === 3);
  t.match(rig.mirror.describe(), [{ inflight: 3, queued: 0, dropped: { queue_full: 2 } }], 'new limits hold at once');

  for (const response of hanging.waiting) response.end(scores(1));
  await until(() => rig.mirror.describe()[0]?.agree === 3);

  const compare = { tolerance: 1, relative: 0, labels: false, outputs: null };
  rig.gateway.adopt(makeSnapshot(rig.primary, [{ url: hanging.url, concurrency: 3, queue: 2, compare }]));
  t.match(rig.mirror.describe(), [{ agree: 0, sent: 0 }], 'agreement by another measure is counted anew');
});

test('a shadow that a reload takes away ends what it has, and its pools are named until then', async (t) => {
  const hanging = await Model.hanging(t);
  const rig = await rigWith(t, { url: hanging.url, concurrency: 1 });
  await Promise.all([rig.post(), rig.post()]);
  await until(() => hanging.waiting.length === 1 && rig.mirror.describe()[0]?.queued === 1);
  t.strictSame([...rig.mirror.poolIds()], [`${hanging.url}#shadow`]);
  rig.gateway.adopt(makeSnapshot(rig.primary, []));
  t.strictSame(rig.mirror.describe(), []);
  t.strictSame([...rig.mirror.poolIds()], [`${hanging.url}#shadow`]);
  hanging.answer = (response) => response.end(scores(1));
  hanging.waiting[0]?.end(scores(1));
  await until(() => rig.meter.of('makas_shadow_compared_total iris shadow-0 agree') === 2);
  t.strictSame([...rig.mirror.poolIds()], []);
});

test('a drain lets copies end, takes no new ones, and is over at its limit', async (t) => {
  const slow = await Model.hanging(t);
  const first = await rigWith(t, { url: slow.url });
  await first.post();
  const drained = first.mirror.drain(10_000);
  await until(() => slow.waiting.length === 1);
  await first.post();
  t.equal(first.mirror.describe()[0]?.dropped.draining, 1);
  slow.waiting[0]?.end(scores(1));
  await drained;
  t.match(first.mirror.describe(), [{ agree: 1 }]);

  const hanging = await Model.hanging(t);
  const second = await rigWith(t, { url: hanging.url, concurrency: 1 });
  await Promise.all([second.post(), second.post(), second.post()]);
  await until(() => hanging.waiting.length === 1);
  await second.mirror.drain(20);
  t.match(second.mirror.describe(), [{ inflight: 0, queued: 0, ok: 0, error: 0, dropped: { draining: 3 } }]);
  t.equal(second.meter.of('makas_shadow_inflight shadow-0'), 0);
  await until(() => hanging.left === 1);
});

test('requests that end or come after a drain began get no copy', async (t) => {
  const primary = await Model.hanging(t);
  const shadow = await Model.answering(t, scores(1));
  const rig = await startRig(t, makeSnapshot(primary, [{ url: shadow.url }, { url: shadow.url, start: 'immediate' }]));
  const early = rig.post();
  await until(() => rig.mirror.describe()[1]?.ok === 1 && primary.waiting.length === 1);
  await rig.mirror.drain(1000);
  primary.answer = (response) => response.end(scores(1));
  primary.waiting[0]?.end(scores(1));
  await Promise.all([early, rig.post()]);
  await until(() => rig.mirror.describe()[0]?.dropped.draining === 2);
  t.match(rig.mirror.describe(), [{ sent: 0 }, { sent: 1, agree: 1, dropped: { draining: 1 } }]);
  t.equal(shadow.received.length, 1);
});

test('bodies that wait are bounded in bytes', async (t) => {
  const hanging = await Model.hanging(t);
  const rig = await rigWith(t, { url: hanging.url, concurrency: 1, maxBodyBytes: 40 << 20 });
  const body = Buffer.alloc(24 << 20, 0x20);
  for (let i = 0; i < 4; i++) await rig.post(body);
  await until(() => rig.mirror.describe()[0]?.dropped.queue_full === 1);
  t.match(rig.mirror.describe(), [{ inflight: 1, queued: 2 }]);

  // What is sent frees its bytes.
  await until(() => hanging.waiting.length === 1);
  hanging.waiting[0]?.end(scores(1));
  await until(() => hanging.waiting.length === 2);
  await rig.post(body);
  await until(() => rig.mirror.describe()[0]?.queued === 2);
  t.equal(rig.mirror.describe()[0]?.dropped.queue_full, 1);
});
