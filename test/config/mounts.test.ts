import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { test } from 'tap';

import { checkMounts } from '../../src/config/check/mounts.ts';
import { compileMounts } from '../../src/config/compile/mounts.ts';
import { loadConfigText } from '../../src/config/load.ts';
import { formatProblem, ProblemList } from '../../src/config/problem.ts';
import type { MountFile } from '../../src/config/schema/mount.ts';
import type { ConfigFile } from '../../src/config/schema/root.ts';

function problemsOf(...mounts: MountFile[]): string[] {
  const list = new ProblemList();
  checkMounts({ version: 1, listen: { http: { mounts } }, backends: {}, routes: [] } as ConfigFile, list);
  const texts = list.problems.map((problem) => formatProblem({ ...problem, line: 1, column: 1 }, 'f'));
  // Many mounts here name no model, which is another matter.
  return texts.map((text) => text.slice('f:1:1 '.length)).filter((text) => !text.includes('name no model'));
}

test('what the file leaves out is filled in', async (t) => {
  t.same(compileMounts([{ host: 'Wine.Example', modelFrom: 'header:X-Model' }]), [
    {
      host: 'wine.example',
      prefix: '',
      protocol: null,
      path: null,
      health: null,
      model: '',
      modelFrom: 'x-model',
      methods: ['GET', 'POST'],
    },
  ]);
  t.same(compileMounts(undefined), []);
});

test('mounts of every protocol check', async (t) => {
  t.same(
    problemsOf(
      { prefix: '/wine', protocol: 'mlflow', model: 'wine' },
      { host: 'wine.example', protocol: 'mlflow', model: 'wine' },
      { prefix: '/any', protocol: 'sagemaker', modelFrom: 'header:x-model', model: 'usual' },
      { path: '/predict', health: '/health', protocol: 'vertex', model: 'score' },
      { path: '/predict-2', protocol: 'vertex', model: 'score-2' },
      { prefix: '/app', protocol: 'ray-serve', methods: ['PUT'] },
      { prefix: '/other' },
      { prefix: '/a', protocol: 'oip' },
      { prefix: '/a', protocol: 'openai', model: 'chat' },
    ),
    [],
  );
});

test('a mount that lacks what its protocol needs is refused', async (t) => {
  t.match(problemsOf({}), [/^listen\.http\.mounts\[0\]: the mount is empty/]);
  t.match(problemsOf({ protocol: 'vertex', model: 'm' }), [/needs `path`.*expected such as \/predict/]);
  t.match(problemsOf({ protocol: 'vertex', path: '/a', health: '/a' }), [/health: the health path cannot be/]);
  t.match(problemsOf({ protocol: 'ray-serve', model: 'm' }), [/needs `prefix` or `host`/]);
});

test('a key that its protocol does not have is refused', async (t) => {
  t.match(problemsOf({ prefix: '/a', path: '/p', health: '/h', methods: ['PUT'] }), [
    /path: `path` has no meaning without `protocol: vertex`/,
    /health: `health` has no meaning/,
    /methods: `methods` has no meaning without `protocol: ray-serve`/,
  ]);
  t.match(problemsOf({ prefix: '/a', protocol: 'tfserving', model: 'm', modelFrom: 'header:x' }), [
    /model: `model` has no meaning with tfserving/,
    /modelFrom: `modelFrom` has no meaning/,
  ]);
});

test('paths without meaning are refused', async (t) => {
  t.match(problemsOf({ prefix: '/a/..', protocol: 'mlflow' }), [/prefix: a path cannot have the parts/]);
  t.match(problemsOf({ path: '/./a', protocol: 'vertex' }), [/path: a path cannot have the parts/]);
  t.match(problemsOf({ prefix: '/rewards' }), [/^warning: .*\/rewards itself is answered by Makas/]);
});

test('a mount at the place of another is refused, one behind another is told', async (t) => {
  t.match(problemsOf({ prefix: '/a', protocol: 'mlflow' }, { prefix: '/a', protocol: 'mlflow', model: 'm' }), [
    /^listen\.http\.mounts\[1\]: there is a mount of this protocol at the same place; the first is listen\.http\.mounts\[0\]/,
  ]);
  t.match(problemsOf({ host: 'A.example' }, { host: 'a.EXAMPLE' }), [/at the same place/]);
  const never = /^warning: listen\.http\.mounts\[1\]: the mount is never reached/;
  t.match(problemsOf({ prefix: '/a' }, { prefix: '/a', protocol: 'oip' }), [never]);
  t.match(problemsOf({ prefix: '/a' }, { prefix: '/a', host: 'h' }), [never]);
  t.match(problemsOf({ prefix: '/a', protocol: 'mlflow' }, { prefix: '/a', protocol: 'sagemaker' }), [never]);
  t.match(problemsOf({ prefix: '/a', protocol: 'ray-serve' }, { prefix: '/a/b', protocol: 'oip' }), [never]);
  t.match(problemsOf({ host: 'h', protocol: 'ray-serve' }, { host: 'h', prefix: '/b' }), [never]);
  t.same(problemsOf({ host: 'h', prefix: '/a' }, { prefix: '/a' }), []);
  t.same(problemsOf({ prefix: '/a', protocol: 'ray-serve' }, { prefix: '/ab', protocol: 'oip' }), []);
  t.same(problemsOf({ prefix: '/a' }, { prefix: '/a', protocol: 'vertex', path: '/p' }), []);
});

test('the schema refuses what is no mount', async (t) => {
  const head = 'version: 1\nbackends: {}\nroutes: []\nlisten: { http: { mounts: [';
  for (const bad of [
    '{ prefix: wine }',
    '{ prefix: /wine/ }',
    '{ prefix: / }',
    '{ prefix: "/a b" }',
    '{ prefix: /a%20b }',
    '{ host: "a.example:80" }',
    '{ host: "http://a" }',
    '{ protocol: triton }',
    '{ protocol: oip-grpc }',
    '{ modelFrom: x-model }',
    '{ modelFrom: "header:" }',
    '{ modelFrom: "cookie:m" }',
    '{ prefix: /a, methods: [] }',
    '{ prefix: /a, methods: [CONNECT] }',
    '{ prefix: /a, methods: [HEAD] }',
    '{ path: predict }',
    '{ model: "" }',
    '{ name: a }',
  ]) {
    const { problems } = loadConfigText(`${head}${bad}] } }\n`);
    t.ok(
      problems.some(({ path, severity }) => severity === 'error' && path.startsWith('listen.http.mounts')),
      bad,
    );
  }
});

test('the mounts of the examples check', async (t) => {
  const folder = join(import.meta.dirname, '../../config/examples');
  let count = 0;
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.yaml'))) {
    const { config } = loadConfigText(readFileSync(join(folder, file), 'utf8'));
    const mounts = config?.listen?.http?.mounts ?? [];
    count += mounts.length;
    t.same(problemsOf(...mounts), [], file);
  }
  t.ok(count > 5);
});
