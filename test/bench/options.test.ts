import { test } from 'tap';
import { parseOptions, selectNamed, turn } from '../../bench/options.ts';

test('without arguments the run is a full one over everything', (t) => {
  t.match(parseOptions([]), { rounds: 15, seconds: 1, scenarios: [], peers: [], quick: false, install: false });
  t.end();
});

test('scenarios are named without an option', (t) => {
  t.same(parseOptions(['pass', '--rounds', '3', 'full']).scenarios, ['pass', 'full']);
  t.end();
});

test('--quick shortens the run, and explicit numbers win over it', (t) => {
  t.match(parseOptions(['--quick']), { rounds: 3, seconds: 1, quick: true });
  t.match(parseOptions(['--quick', '--seconds', '2']), { rounds: 3, seconds: 2 });
  t.end();
});

test('the generator is chosen by name, left open without one, and an unknown one is refused', (t) => {
  t.equal(parseOptions([]).load, null);
  t.equal(parseOptions(['--load', 'autocannon']).load, 'autocannon');
  t.throws(() => parseOptions(['--load', 'ab']), /--load must be wrk or autocannon, found ab/);
  t.end();
});

test('one round is refused, since the first is dropped, and so are parts of seconds and unknown options', (t) => {
  t.throws(() => parseOptions(['--rounds', '1']), /--rounds must be a whole number of at least 2/);
  t.throws(() => parseOptions(['--seconds', '0.5']), /--seconds/);
  t.throws(() => parseOptions(['--fast']), /--fast/);
  t.end();
});

test('names choose from a table in its own order, none means all, and an unknown name is an error', (t) => {
  const table = [{ name: 'direct' }, { name: 'bare' }, { name: 'makas' }];
  t.same(selectNamed('peer', table, parseOptions(['--peers', 'makas,direct']).peers), [table[0], table[2]]);
  t.same(selectNamed('peer', table, []), table);
  t.throws(() => selectNamed('peer', table, ['caddy']), /no peer is named caddy; there are direct, bare, makas/);
  t.end();
});

test('a turned round keeps everyone and the sequence', (t) => {
  t.same(turn(['a', 'b', 'c'], 0), ['a', 'b', 'c']);
  t.same(turn(['a', 'b', 'c'], 0.34), ['b', 'c', 'a']);
  t.same(turn(['a', 'b', 'c'], 0.999), ['c', 'a', 'b']);
  t.end();
});
