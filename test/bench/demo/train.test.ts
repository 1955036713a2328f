import { readFileSync } from 'node:fs';
import { test } from 'tap';
import {
  labFeatures,
  pickFeatures,
  quickFeatures,
  readRequests,
  readSamples,
  readStoreRows,
  splitSamples,
  splitSeed,
} from '../../../bench/demo/dataset.ts';
import { fitLogistic } from '../../../bench/demo/logistic.ts';
import { readDemoModel } from '../../../bench/demo/model.ts';
import { accuracy, buildFiles } from '../../../bench/demo/train.ts';

const split = splitSamples(readSamples(), splitSeed);

test('training writes the committed files again, byte for byte', (t) => {
  const files = buildFiles();
  t.equal(files.size, 5);
  for (const [path, content] of files) {
    t.equal(readFileSync(new URL(`../../../bench/demo/${path}`, import.meta.url), 'utf8'), content, path);
  }
  t.end();
});

test('each model is as good on the held-out samples as its file says', (t) => {
  for (const name of ['weak', 'strong', 'candidate'] as const) {
    const model = readDemoModel(name);
    t.equal(model.trainingRows, split.training.length);
    t.equal(model.heldOutRows, split.heldOut.length);
    t.ok(Math.abs(accuracy(model, split.training, true) - model.trainingAccuracy) < 1e-8, `${name}, training`);
    t.ok(Math.abs(accuracy(model, split.heldOut, true) - model.heldOutAccuracy) < 1e-8, `${name}, held out`);
    const blind = accuracy(model, split.heldOut, false);
    t.ok(Math.abs(blind - model.heldOutAccuracyWithoutLab) < 1e-8, `${name}, without lab`);
  }
  t.end();
});

test('the strong model beats the candidate, the candidate the weak one, and only with the lab values', (t) => {
  const [weak, strong, candidate] = [readDemoModel('weak'), readDemoModel('strong'), readDemoModel('candidate')];
  t.ok(weak.heldOutAccuracy > 0.75 && weak.heldOutAccuracy < 0.88, 'weak, but better than guessing');
  t.ok(strong.heldOutAccuracy > 0.95, 'strong');
  t.ok(candidate.heldOutAccuracy > weak.heldOutAccuracy && candidate.heldOutAccuracy < strong.heldOutAccuracy);
  t.equal(weak.heldOutAccuracyWithoutLab, weak.heldOutAccuracy, 'the weak model does not look at the lab values');
  t.ok(strong.heldOutAccuracyWithoutLab < weak.heldOutAccuracy, 'the strong model is lost without them');
  t.end();
});

test('the fit agrees with scikit-learn 1.9.1', (t) => {
  const rows = split.training.map((sample) => pickFeatures(sample, quickFeatures));
  const fit = fitLogistic(
    rows,
    split.training.map((sample) => sample.label),
    2.5,
  );
  // LogisticRegression(C=1/2.5, solver='newton-cholesky', tol=1e-12, max_iter=100000)
  //   .fit(StandardScaler().fit_transform(X), y): coef_[0], then intercept_[0].
  const expected = [1.11171758561, 0.10983125726, 1.695463482374, -0.736212628205];
  [...fit.weights, fit.intercept].forEach((value, j) => {
    t.ok(Math.abs(value - (expected[j] ?? Number.NaN)) < 1e-9, `number ${j}: ${value}`);
  });
  t.end();
});

test('a column that does not vary cannot be fitted', (t) => {
  t.throws(() => fitLogistic([[1], [1]], [0, 1], 1), { message: /does not vary/ });
  t.throws(() => fitLogistic([[1], [2]], [0], 1), { message: /as many labels as rows/ });
  t.end();
});

test('no sample is both trained on and held out, and none is lost', (t) => {
  const ids = [...split.training, ...split.heldOut].map((sample) => sample.id);
  t.equal(ids.length, 569);
  t.equal(new Set(ids).size, 569);
  const [first] = splitSamples(readSamples(), splitSeed + 1).heldOut;
  t.not(first?.id, split.heldOut[0]?.id, 'another seed makes another split');
  t.end();
});

test('requests carry the held-out samples and the store all of these but every 32nd', (t) => {
  const requests = readRequests();
  const expected = split.heldOut.map((sample) => ({
    sample_id: sample.id,
    quick: pickFeatures(sample, quickFeatures),
    label: sample.label,
  }));
  t.same(requests, expected);
  const stored = split.heldOut.filter((_, index) => (index + 1) % 32 !== 0);
  t.same(
    readStoreRows().map((row) => [row.key, labFeatures.map((name) => row[name])]),
    stored.map((sample) => [sample.id, pickFeatures(sample, labFeatures)]),
  );
  t.equal(requests.length - stored.length, 8);
  t.end();
});
