import { test } from 'tap';

import type { FieldType } from '../../../src/core/snapshot.ts';
import { readEventTime } from '../../../src/edges/features/event-time.ts';
import { readJson, readText } from '../../../src/edges/features/typed-value.ts';

test('stored text is read as the type of its field', async (t) => {
  const cases: [FieldType, string, unknown][] = [
    ['float', '1.5', 1.5],
    ['float', '-.5e-3', -0.0005],
    ['float', '+2.', 2],
    ['float', '3.5e38', undefined],
    ['double', '3.5e38', 3.5e38],
    ['double', '1e999', undefined],
    ['double', 'NaN', undefined],
    ['double', 'inf', undefined],
    ['double', '', undefined],
    ['double', ' 1', undefined],
    ['double', '0x10', undefined],
    ['int', '42', 42],
    ['int', '-0', 0],
    ['int', '5.0', 5],
    ['int', '5.1', undefined],
    ['int', '9007199254740993', 9007199254740993n],
    ['int', '9223372036854775807', 9223372036854775807n],
    ['int', '9223372036854775808', undefined],
    ['int', '-9223372036854775808', -9223372036854775808n],
    ['int', '1e3', undefined],
    ['int', '', undefined],
    ['bool', 'true', true],
    ['bool', 'False', false],
    ['bool', '1', true],
    ['bool', '0', false],
    ['bool', 'yes', undefined],
    ['string', '', ''],
    ['string', 'é', 'é'],
  ];
  for (const [type, text, value] of cases) t.strictSame(readText(text, type), value, `${type} ${JSON.stringify(text)}`);
});

test('values of a JSON document keep their type, null stays null', async (t) => {
  const cases: [FieldType, unknown, unknown][] = [
    ['float', 1.5, 1.5],
    ['float', '1.5', 1.5],
    ['float', 1e39, undefined],
    ['double', 5n, 5],
    ['int', 5, 5],
    ['int', 5.5, undefined],
    ['int', 2n ** 62n, 2n ** 62n],
    ['bool', true, true],
    ['bool', 1, true],
    ['bool', 2, undefined],
    ['string', true, 'true'],
    ['string', 5, '5'],
    ['int', true, undefined],
    ['string', {}, undefined],
    ['float', [1], undefined],
    ['string', undefined, undefined],
  ];
  for (const type of ['float', 'double', 'int', 'bool', 'string'] as const) t.equal(readJson(null, type), null);
  for (const [type, json, value] of cases) t.strictSame(readJson(json, type), value, `${type} ${String(json)}`);
});

test('a time is seconds, milliseconds or ISO 8601', async (t) => {
  const cases: [unknown, number | undefined][] = [
    [1_700_000_000, 1_700_000_000_000],
    ['1700000000.25', 1_700_000_000_250],
    [1_700_000_000_123, 1_700_000_000_123],
    ['1700000000123', 1_700_000_000_123],
    ['2023-11-14T22:13:20Z', 1_700_000_000_000],
    ['2023-11-14T22:13:20', 1_700_000_000_000],
    ['2023-11-14 22:13:20.500', 1_700_000_000_500],
    ['2023-11-15T00:13:20+02:00', 1_700_000_000_000],
    ['2023-11-14', 1_699_920_000_000],
    ['', undefined],
    ['soon', undefined],
    ['2023-13-44', undefined],
    [-5, undefined],
    [null, undefined],
    [Number.NaN, undefined],
  ];
  for (const [value, time] of cases) t.equal(readEventTime(value), time, JSON.stringify(value));
});
