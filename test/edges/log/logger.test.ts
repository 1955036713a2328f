import { openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { test, type Test } from 'tap';

import { makeRedact } from '../../../src/config/secrets.ts';
import { LineOutput } from '../../../src/edges/log/line-output.ts';
import { createLogger, type LogLevel } from '../../../src/edges/log/logger.ts';

function setUp(t: Test, level: LogLevel, redact = (text: string): string => text) {
  const path = join(t.testdir(), 'log');
  const output = new LineOutput({ fileDescriptor: openSync(path, 'a') });
  const read = (): Record<string, unknown>[] => {
    output.flushNow();
    const lines = readFileSync(path, 'utf8').split('\n');
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Record<string, unknown>);
  };
  return { logger: createLogger({ level, output, redact }), read };
}

test('a line is one JSON object with its level, time, fields and message', (t) => {
  const { logger, read } = setUp(t, 'debug');
  logger.debug({ a: 1 }, 'one\nline');
  logger.info({}, 'two');
  logger.warn({ nested: { b: ['x'] } }, 'three');
  logger.error({ err: new Error('broken') }, 'four');
  const lines = read();
  t.same(
    lines.map(({ level, msg }) => [level, msg]),
    [
      ['debug', 'one\nline'],
      ['info', 'two'],
      ['warn', 'three'],
      ['error', 'four'],
    ],
  );
  t.match(lines[0], { a: 1, time: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/ });
  t.match(lines[2], { nested: { b: ['x'] } });
  t.match(lines[3], { err: { type: 'Error', message: 'broken', stack: /logger\.test/ } });
  t.same(Object.keys(lines[1] ?? {}).sort(), ['level', 'msg', 'time']);
  t.end();
});

test('lines below the level are left out, and the level can change', (t) => {
  const { logger, read } = setUp(t, 'warn');
  logger.info({}, 'no');
  logger.warn({}, 'yes');
  logger.setLevel('silent');
  logger.error({}, 'no');
  logger.setLevel('debug');
  logger.debug({}, 'yes');
  t.same(
    read().map(({ msg }) => msg),
    ['yes', 'yes'],
  );
  t.end();
});

test('secrets are taken out wherever they are, also those that JSON writes in another way', (t) => {
  const secret = 'p"a\\s\nsword-1';
  const { logger, read } = setUp(t, 'info', makeRedact([secret, 'hunter2-hunter2']));
  logger.info(
    { url: 'redis://:hunter2-hunter2@host', deep: [{ value: `<${secret}>` }], err: new Error(`no ${secret}`) },
    `with ${secret}`,
  );
  const [line] = read();
  const text = JSON.stringify(line);
  t.notMatch(text, /hunter2/);
  t.notMatch(text, /sword-1/);
  t.match(line, { url: /^redis:\/\/:.+@host$/, msg: /^with / });
  t.end();
});
