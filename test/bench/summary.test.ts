import { test } from 'tap';
import type { Figures } from '../../bench/figures.ts';
import { addBaseline, entryLabel, type Sample } from '../../bench/sample.ts';
import { ratiosOf, summarize } from '../../bench/summary.ts';

function sample(peer: string, round: number, figures: Figures, name = ''): Sample {
  return { peer, case: name, round, loadAverage: 0.5, figures };
}

const samples = addBaseline([
  sample('direct', 0, { rps: 1 }),
  sample('bare', 0, { rps: 1 }),
  sample('direct', 1, { rps: 60_000, serialP50Us: 20, serialP99Us: 30 }),
  sample('bare', 1, { rps: 20_000, serialP50Us: 120, serialP99Us: 230, cpuUsPerRequest: 50 }),
  sample('direct', 2, { rps: 30_000, serialP50Us: 40, serialP99Us: 50 }),
  sample('bare', 2, { rps: 15_000, serialP50Us: 160, serialP99Us: 290, cpuUsPerRequest: 60 }),
]);
const direct = { peer: 'direct', case: '' };
const bare = { peer: 'bare', case: '' };

test('the first round is dropped and the rest is summed up by the median', (t) => {
  const [first] = summarize(samples, [direct]);
  t.same(first?.figures.rps, { median: 45_000, q1: 37_500, q3: 52_500 });
  t.notOk('cpuUsPerRequest' in (first?.figures ?? {}));
  t.end();
});

test('ratios are taken within a round, so that drift between rounds cancels', (t) => {
  const ratios = ratiosOf(samples, bare, direct);
  t.equal(ratios.rps?.median, (1 / 3 + 1 / 2) / 2);
  t.equal(ratios.cpuUsPerRequest, undefined);
  t.equal(ratiosOf(samples, bare, bare).rps?.median, 1);
  t.same(ratiosOf(samples, bare, { peer: 'nginx', case: '' }), {});
  t.end();
});

test('a ratio to nothing or to less than nothing is left out', (t) => {
  const list = [sample('bare', 1, { serialAddedP50Us: 5 }), sample('direct', 1, { serialAddedP50Us: -1 })];
  t.same(ratiosOf(list, bare, direct), {});
  t.end();
});

test('added latency is what a peer takes above direct in the same round and case', (t) => {
  const [summary] = summarize(samples, [bare]);
  t.equal(summary?.figures.serialAddedP50Us?.median, 110);
  t.equal(summary?.figures.serialAddedP99Us?.median, 220);
  t.notOk('serialAddedP50Us' in (summarize(samples, [direct])[0]?.figures ?? {}));
  const apart = addBaseline([sample('direct', 1, { serialP50Us: 1 }, 'a'), sample('bare', 1, { serialP50Us: 3 }, 'b')]);
  t.notOk('serialAddedP50Us' in (apart[1]?.figures ?? {}));
  t.end();
});

test('an entry is written by its peer, and by its case when there is more than one', (t) => {
  t.equal(entryLabel(bare), 'bare');
  t.equal(entryLabel({ peer: 'bare', case: '1 MB' }), 'bare, 1 MB');
  t.end();
});
