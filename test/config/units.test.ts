import { test } from 'tap';
import { parseDuration, parseShare, parseSize } from '../../src/config/units.ts';

test('a duration is a number of milliseconds', (t) => {
  t.equal(parseDuration('250ms'), 250);
  t.equal(parseDuration('1.5s'), 1500);
  t.equal(parseDuration('10m'), 600_000);
  t.equal(parseDuration('1h'), 3_600_000);
  t.equal(parseDuration('2d'), 172_800_000);
  for (const text of ['', '5', '5 s', '-1s', '5S', 's', '1e3ms', '5constructor'])
    t.throws(() => parseDuration(text), RangeError, text);
  t.end();
});

test('a share is a number from 0 to 1', (t) => {
  t.equal(parseShare('10%'), 0.1);
  t.equal(parseShare('100%'), 1);
  t.equal(parseShare('0.5%'), 0.005);
  t.equal(parseShare(0.25), 0.25);
  for (const share of ['101%', '0.1', -0.1, 1.1, Number.NaN])
    t.throws(() => parseShare(share), RangeError, String(share));
  t.end();
});

test('a size is a whole number of bytes', (t) => {
  t.equal(parseSize('16KiB'), 16_384);
  t.equal(parseSize('16KB'), 16_000);
  t.equal(parseSize('1.5MiB'), 1_572_864);
  t.equal(parseSize('1GiB'), 2 ** 30);
  t.equal(parseSize('7B'), 7);
  t.equal(parseSize(5), 5);
  for (const size of ['1', '1mb', '1 MiB', -1, 1.5]) t.throws(() => parseSize(size), RangeError, String(size));
  t.end();
});
