import { readFileSync } from 'node:fs';
import { test } from 'tap';
import { parse } from 'yaml';
import { exampleFile } from '../../../bench/demo/demo-config.ts';
import { estimateDifference, estimateShare, meanOf } from '../../../bench/demo/intervals.ts';
import { readDemoModel } from '../../../bench/demo/model.ts';
import { Scrape } from '../../../bench/demo/scrape.ts';
import { SLICES, Tally } from '../../../bench/demo/tally.ts';
import { layTable, percent, points, sparkline, wrapLine } from '../../../bench/demo/text.ts';

const near = (a: number, b: number): boolean => Math.abs(a - b) < 1e-12;

test('the interval of a share is that of Wilson', (t) => {
  // statsmodels 0.15.0: proportion_confint(n, total, method='wilson').
  const cases: [n: number, total: number, low: number, high: number][] = [
    [97, 900, 0.08915980131241683, 0.1297297582336034],
    [0, 50, 0.0, 0.07134759913335868],
    [50, 50, 0.9286524008666414, 1.0],
    [5, 10, 0.23659309051256405, 0.763406909487436],
  ];
  for (const [n, total, low, high] of cases) {
    const estimate = estimateShare(n, total);
    t.equal(estimate.value, n / total);
    t.ok(near(estimate.low, low) && near(estimate.high, high), `${n} of ${total}: ${JSON.stringify(estimate)}`);
  }
  t.end();
});

test('the interval of a difference is paired, and leaves out what only one side has', (t) => {
  const a = [1, 0.5, 0.25, Number.NaN, 1];
  const b = [0.5, 0.5, 0, 1, Number.NaN];
  // numpy: d = [.5, 0, .25]; d.mean() -+ scipy.stats.norm.ppf(.975) * d.std(ddof=1) / 3**.5.
  const { value, low, high } = estimateDifference(a, b);
  t.equal(value, 0.25);
  t.ok(near(low, 0.25 - (1.959963984540054 * 0.25) / Math.sqrt(3)), String(low));
  t.ok(near(high - value, value - low));
  t.throws(() => estimateDifference([1], [1]), RangeError);
  t.equal(meanOf([1, Number.NaN, 2]), 1.5);
  t.end();
});

test('accuracy counts every sample alike, and shares count requests', (t) => {
  const tally = new Tally(3);
  tally.add('weak', 0, true, 0, 'u1');
  tally.add('strong', 0, false, 0.3, 'u2');
  tally.add('strong', 1, true, 0.99, 'u2');
  tally.add('strong', 1, true, 1, 'u1');
  t.equal(tally.requests, 4);
  t.equal(tally.shareOf('strong'), 0.75);
  t.same(tally.accuracies, [0.5, 1, Number.NaN]);
  t.equal(tally.accuracy, 0.75);
  t.equal(tally.strongBySlice.length, SLICES);
  t.same(
    [tally.strongBySlice[0], tally.strongBySlice[Math.floor(0.3 * SLICES)], tally.strongBySlice.at(-1)],
    [0, 1, 1],
  );
  t.same(tally.units, { all: 2, returned: 2, strong: 2, moved: 1 });
  t.end();
});

test('a scrape sums series by labels', (t) => {
  const scrape = new Scrape(`# HELP a_total Help {x="1"} 5
# TYPE a_total counter
a_total{route="r",code="200"} 3
a_total{route="s \\"q\\"",code="200"} 4
a_total{route="r",code="500"} 1e1
plain 0.5
`);
  t.equal(scrape.sum('a_total'), 17);
  t.equal(scrape.sum('a_total', { code: '200' }), 7);
  t.equal(scrape.sum('a_total', { code: '200', route: 'r' }), 3);
  t.same(
    [...scrape.by('a_total', 'code')],
    [
      ['200', 7],
      ['500', 10],
    ],
  );
  t.equal(scrape.sum('plain'), 0.5);
  t.equal(scrape.sum('absent'), 0);
  t.end();
});

test('shares are drawn as bars, and a share that is not known as a space', (t) => {
  t.equal(sparkline([0, 0.13, 0.5, 0.99, 1, Number.NaN]), '▁▂▅██ ');
  t.equal(percent(0.1234), '12.3 %');
  t.equal(percent(Number.NaN), '-');
  t.same([points(0.0712), points(-0.005)], ['+7.1', '-0.5']);
  t.same(
    layTable([
      ['', 'n'],
      ['long name', '10'],
      ['b', '5'],
    ]),
    ['            n', 'long name  10', 'b           5'],
  );
  t.same(wrapLine('label  one two three', 12, 7), ['label  one', '       two', '       three']);
  t.same(wrapLine('0123456789', 6, 2), ['012345', '  6789']);
  t.end();
});

test("the example's defaults are those of the models", (t) => {
  const { features } = parse(readFileSync(exampleFile, 'utf8'));
  for (const name of ['weak', 'strong', 'candidate'] as const) {
    t.same(features.lab.onMissing.defaults, readDemoModel(name).labDefaults);
  }
  t.same(Object.keys(features.lab.fields), readDemoModel('strong').lab, 'in the order of the tensor');
  t.end();
});
