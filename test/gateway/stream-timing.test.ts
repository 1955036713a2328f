import { Buffer } from 'node:buffer';

import { test } from 'tap';

import { StreamTiming } from '../../src/gateway/stream-timing.ts';

/** Events and whether one is under way after a text that came octet by octet. */
function read(text: string): readonly [events: number, isInEvent: boolean] {
  const timing = new StreamTiming();
  for (const octet of Buffer.from(text)) timing.take(Uint8Array.of(octet), 1);
  const whole = new StreamTiming();
  whole.take(Buffer.from(text), 1);
  if (whole.events !== timing.events || whole.isInEvent !== timing.isInEvent) throw new Error('pieces count');
  return [timing.events, timing.isInEvent];
}

test('an event ends with an empty line, whatever ends its lines', (t) => {
  for (const end of ['\n', '\r\n', '\r']) {
    t.same(read(`data: 1${end}${end}`), [1, false], JSON.stringify(end));
    t.same(read(`event: a${end}data: 1${end}${end}data: 2${end}${end}`), [2, false], JSON.stringify(end));
    t.same(read(`data: 1${end}${end}data: 2`), [1, true], JSON.stringify(end));
    t.same(read(`data: 1${end}${end}data: 2${end}`), [1, true], JSON.stringify(end));
    t.same(read(`data: 1${end}${end}${end}${end}`), [1, false], 'further empty lines are no events');
  }
  t.same(read(''), [0, false]);
  t.end();
});
