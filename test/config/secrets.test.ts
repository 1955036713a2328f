import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'tap';
import { loadConfigText } from '../../src/config/load.ts';
import { prepareConfigText } from '../../src/config/prepare.ts';
import { makeRedact } from '../../src/config/secrets.ts';

const secretFile = join(mkdtempSync(join(tmpdir(), 'makas-secret-')), 'password');
writeFileSync(secretFile, 'file-password\n');

const text = `
version: 1
listen: { admin: { token: "\${env:TOKEN}" } }
state: { kind: redis, url: "redis://app:\${file:${secretFile}}@127.0.0.1:6379" }
rewards: { secret: "\${env:KEY}" }
backends:
  a:
    protocol: oip
    endpoints: [http://127.0.0.1:9001]
    headers: { authorization: "Bearer \${env:MODEL}", x-api-key: literal-key, x-team: blue }
features:
  f:
    provider: redis-hash
    url: redis://:literal-password@127.0.0.1:6379
    entity: { id: { from: header:x-id } }
    fields: { a: float }
    into: { parameters: "" }
routes:
  - name: r
    rules: [{ backend: a }]
`;
const env = { TOKEN: 'admin-token', KEY: 'quote"and\\slash', MODEL: 'model token' };
const secrets = ['admin-token', 'file-password', 'quote"and\\slash', 'model token', 'literal-password'];

test('references are filled in from the environment and from files', (t) => {
  const loaded = loadConfigText(text, { env });
  if (loaded.config === null) return t.fail('it loads');
  t.equal(loaded.config.listen?.admin?.token, 'admin-token');
  t.equal(loaded.config.backends['a']?.headers?.['authorization'], 'Bearer model token');
  t.match(loaded.config.state, { url: 'redis://app:file-password@127.0.0.1:6379' });
  return t.end();
});

test('a dump shows no secret and no password, and a redacted text neither', (t) => {
  const prepared = prepareConfigText(text, { env });
  if (prepared.snapshot === null) return t.fail('it loads');
  const dump = JSON.stringify(prepared.effective);
  for (const secret of secrets)
    t.notOk(dump.includes(secret) || dump.includes(JSON.stringify(secret)), 'not in the dump');
  t.notMatch(dump, /literal-key/, 'nor a header whose name tells that it is one');
  t.match(dump, /"x-team":"blue"/, 'other headers are shown');
  t.match(dump, /redis:\/\/app:\*\*\*@127/);

  const log = JSON.stringify({ config: prepared.config, url: `http://h/?t=${encodeURIComponent('model token')}` });
  const redacted = prepared.redact(log);
  for (const secret of secrets)
    t.notOk(redacted.includes(JSON.stringify(secret).slice(1, -1)), 'not in a redacted log');
  t.notMatch(redacted, /model%20token/);
  return t.end();
});

test('secrets do not change the hash, and everything else does', (t) => {
  const hash = (yaml: string, values: Record<string, string>) => {
    const loaded = loadConfigText(yaml, { env: values });
    return loaded.config === null ? null : loaded.hash;
  };
  const first = hash(text, env);
  t.match(first, /^[0-9a-f]{16}$/);
  t.equal(hash(text, { ...env, TOKEN: 'another' }), first);
  t.not(hash(text.replace('x-team: blue', 'x-team: red'), env), first);
  t.end();
});

test('the order of keys changes the hash only where it has a meaning', (t) => {
  const hash = (backends: string, split: string) => {
    const loaded = loadConfigText(
      `{ version: 1, backends: { ${backends} }, routes: [{ name: r, rules: [{ split: { ${split} } }] }] }`,
    );
    return loaded.config === null ? null : loaded.hash;
  };
  const a = 'a: { protocol: oip, endpoints: [http://127.0.0.1:1] }';
  const b = 'b: { endpoints: [http://127.0.0.1:2], protocol: oip }';
  t.equal(hash(`${a}, ${b}`, 'a: 1, b: 1'), hash(`${b}, ${a}`, 'a: 1, b: 1'));
  t.not(hash(`${a}, ${b}`, 'a: 1, b: 1'), hash(`${a}, ${b}`, 'b: 1, a: 1'), 'the first of a split is the baseline');
  t.end();
});

test('a text too short to be told from other words is not blanked', (t) => {
  t.equal(makeRedact(['a', 'long-secret'])('a long-secret day'), 'a *** day');
  t.equal(makeRedact([])('nothing'), 'nothing');
  t.equal(makeRedact(['inner', 'inner and outer'])('inner and outer'), '***', 'the longest first');
  t.end();
});
