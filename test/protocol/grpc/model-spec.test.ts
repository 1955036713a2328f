import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';

import * as fc from 'fast-check';
import { test } from 'tap';

import { readModelSpec, setModelSpec } from '../../../src/protocol/grpc/model-spec.ts';
import { multiInferenceRequest, predictRequest, type ProtoSpec } from '../../support/grpc-protos.ts';
import { mutate, mutation, name, plain } from './infer-arbitrary.ts';

const version = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String);
const spec: fc.Arbitrary<ProtoSpec> = fc.oneof(
  plain({ name, signature_name: name }),
  plain({ name, version: plain({ value: version }), signature_name: name }),
  plain({ name, version: fc.constant({}) }),
  plain({ name, version_label: name, signature_name: name }),
);

function meant(read: ProtoSpec | undefined) {
  const label = read?.version_label ?? '';
  const number = read?.version === undefined ? '' : (read.version.value ?? '0');
  return { model: read?.name ?? '', version: label === '' ? number : label, isLabel: label !== '' };
}

/** What two pieces of one spec say; the oracle does not merge them. */
function merge(one: ProtoSpec, two: ProtoSpec): ProtoSpec {
  const { version: _version, version_label: _label, ...rest } = { ...one, ...two };
  if (two.version_label !== undefined) return { ...rest, version_label: two.version_label };
  if (two.version !== undefined) {
    return { ...rest, version: one.version_label === undefined ? { ...one.version, ...two.version } : two.version };
  }
  return { ...one, ...rest };
}

test('the names of a spec are read, also of one in two pieces', async (t) => {
  fc.assert(
    fc.property(spec, spec, fc.boolean(), (one, two, isSplit) => {
      const first = predictRequest.encode({ model_spec: one, output_filter: ['scores'] });
      const bytes = isSplit ? Buffer.concat([first, predictRequest.encode({ model_spec: two })]) : first;
      const expected = isSplit ? merge(one, two) : predictRequest.decode(bytes).model_spec;
      assert.deepEqual(readModelSpec(bytes, false), meant(expected));
    }),
    { seed: 421, numRuns: 1000 },
  );
  t.pass('1000 cases');
});

test('the names of the first task are read', async (t) => {
  fc.assert(
    fc.property(fc.array(spec, { maxLength: 3 }), (specs) => {
      const bytes = multiInferenceRequest.encode({ tasks: specs.map((model_spec) => ({ model_spec })) });
      assert.deepEqual(readModelSpec(bytes, true), meant(specs.length === 0 ? undefined : meantSpec(bytes)));
    }),
    { seed: 422, numRuns: 300 },
  );
  t.pass('300 cases');
});

function meantSpec(bytes: Buffer): ProtoSpec | undefined {
  return multiInferenceRequest.decode(bytes).tasks?.[0]?.model_spec;
}

test('names are set in every spec, and nothing else changes', async (t) => {
  const wanted = fc.option(fc.oneof(fc.constantFrom('7', '1732000000000000000', '0', 'stable', ''), name));
  fc.assert(
    fc.property(fc.array(spec, { maxLength: 3 }), fc.option(name), wanted, (specs, model, version) => {
      const tasks = specs.map((model_spec) => ({ model_spec, method_name: 'classify' }));
      const bytes = multiInferenceRequest.encode({ tasks, input: Buffer.from([1, 2]) });
      const before = multiInferenceRequest.decode(bytes);
      const set = setModelSpec(bytes, true, model, version);
      const after = multiInferenceRequest.decode(set);
      assert.deepEqual(after.input, before.input);
      for (const [i, task] of (after.tasks ?? []).entries()) {
        const old = before.tasks![i]!;
        assert.equal(task.method_name, old.method_name);
        assert.equal(task.model_spec?.signature_name, old.model_spec?.signature_name);
        const names = meant(task.model_spec);
        assert.equal(names.model, model ?? meant(old.model_spec).model);
        if (version === null)
          assert.deepEqual(meant(task.model_spec), { ...meant(old.model_spec), model: names.model });
        else if (/^\d+$/.test(version)) assert.equal(task.model_spec?.version?.value ?? '0', version);
        else assert.equal(task.model_spec?.version_label ?? '', version);
      }
      if (model === null && version === null) assert.equal(set, bytes);
      assert.equal(setModelSpec(set, true, model, version).equals(set), true, 'setting again changes nothing');
    }),
    { seed: 423, numRuns: 500 },
  );
  t.pass('500 cases');
});

test('a request without a spec, or with a malformed one, stays as it is', async (t) => {
  const none = { model: '', version: '', isLabel: false };
  const cases: [string, Buffer, typeof none | null][] = [
    ['nothing', Buffer.alloc(0), none],
    ['no spec', Buffer.from('\u001a\u0001x'), none],
    ['a malformed spec', Buffer.from([0x0a, 0x02, 0x0a, 0x05]), null],
    ['a malformed request', Buffer.from([0x0a, 0x03, 0x0a, 0x01, 0x78, 0x0a]), null],
  ];
  t.equal(readModelSpec(Buffer.from([0x0a, 0x05]), true), null, 'a task that is cut short');
  for (const [title, bytes, names] of cases) {
    t.strictSame(readModelSpec(bytes, false), names, title);
    t.equal(setModelSpec(bytes, false, 'm', '1'), bytes, title);
  }
  const group = Buffer.from([0x0a, 0x07, 0x5b, 0x08, 0x01, 0x5c, 0x0a, 0x01, 0x78]);
  const set = setModelSpec(group, false, 'y', '2');
  t.strictSame(set, Buffer.from([0x0a, 0x0b, 0x5b, 0x08, 0x01, 0x5c, 0x0a, 0x01, 0x79, 0x12, 0x02, 0x08, 0x02]));
});

test('no bytes make reading and setting throw, and what was set is read again', async (t) => {
  fc.assert(
    fc.property(fc.array(spec, { maxLength: 2 }), mutation, fc.boolean(), (specs, changes, isInTasks) => {
      const message = isInTasks
        ? multiInferenceRequest.encode({ tasks: specs.map((model_spec) => ({ model_spec })) })
        : predictRequest.encode(specs[0] === undefined ? {} : { model_spec: specs[0] });
      const bytes = mutate(message, changes);
      const model = readModelSpec(bytes, isInTasks)?.model ?? '';
      const set = setModelSpec(bytes, isInTasks, 'other', '3');
      return model === '' || set === bytes || readModelSpec(set, isInTasks)?.model === 'other';
    }),
    { seed: 424, numRuns: 5000 },
  );
  t.pass('5000 cases');
});
