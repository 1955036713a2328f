import { test } from 'tap';
import { gatewayCores, LOAD_CORE } from '../../bench/cores.ts';
import { parseOpenFiles } from '../../bench/open-files.ts';
import { chooseParticipants } from '../../bench/participants.ts';
import type { Peer } from '../../bench/peer.ts';
import { enrich } from '../../bench/scenarios/enrich.ts';
import { noiseFigures, usageFigures, type Usage } from '../../bench/usage.ts';

function usage(atMs: number, cpuTicks: number | null, busy: number): Usage {
  const tree = cpuTicks === null ? [] : [{ pid: 1, parent: 0, cpuTicks, rssPages: 1_000 }];
  return { atMs, tree, gateway: [{ busy, idle: 0, steal: 0 }], load: { busy: busy / 2, idle: 0, steal: 5 } };
}

test('a peer gets the load core last', (t) => {
  t.same(gatewayCores(1, 2), [0]);
  t.same(gatewayCores(2, 2), [0, LOAD_CORE]);
  t.same(gatewayCores(2, 4), [0, 2]);
  t.same(gatewayCores(4, 4), [0, 2, 3, LOAD_CORE]);
  t.end();
});

test('CPU per request, parts of cores and memory come from two readings', (t) => {
  const figures = usageFigures(usage(0, 50, 0), usage(1_000, 130, 90), 10_000);
  // 80 of 100 ticks in a second: 0.8 s for 10,000 requests.
  t.equal(figures.cpuUsPerRequest, 80);
  t.equal(figures.coreShare, 0.8);
  t.equal(figures.loadShare, 0.45);
  t.equal(figures.rssMB, 4.096);
  t.same(usageFigures(usage(0, null, 0), usage(1_000, null, 90), 1), { loadShare: 0.45 });
  t.end();
});

test('what the peer did not use of its busy core is foreign, but not on the load core', (t) => {
  t.equal(noiseFigures(usage(0, 0, 0), usage(1_000, 80, 90), [0]).foreignShare, 0.1);
  t.equal(noiseFigures(usage(0, 0, 0), usage(1_000, 80, 90), [0, LOAD_CORE]).foreignShare, 0);
  t.end();
});

test('the hard limit of open files is read', (t) => {
  t.equal(
    parseOpenFiles('Limit Soft Hard Units\nMax open files            1024                 20000       files\n'),
    20_000,
  );
  t.equal(parseOpenFiles('Max open files 1024 unlimited files'), Infinity);
  t.throws(() => parseOpenFiles(''), /no line/);
  t.end();
});

function peer(name: string, missing: string | null): Peer {
  return { name, version: () => '', missing: () => missing, start: () => Promise.reject(new Error('not here')) };
}

test('a peer that is missing is skipped with its reason, one without a configuration only when it was asked for', (t) => {
  const all = [peer('makas', null), peer('caddy', null), peer('nginx+lua+redis', 'no Lua')];
  const own = chooseParticipants(enrich, all, false);
  t.same(own.peers, [all[0]]);
  t.same(own.skipped, [{ name: 'nginx+lua+redis', reason: 'no Lua' }]);
  t.same(chooseParticipants(enrich, [peer('caddy', null)], true).skipped, [
    { name: 'caddy', reason: 'the scenario enrich has no configuration for it' },
  ]);
  t.end();
});

test('a case that needs more open files than the system allows is skipped with the reason', (t) => {
  const [first] = enrich.cases;
  if (first === undefined) throw new Error('no case');
  const cases = [
    { ...first, name: 'few', held: 1 },
    { ...first, name: 'many', held: 1e12 },
  ];
  const { cases: left, skipped } = chooseParticipants({ ...enrich, cases }, [], false);
  t.same(
    left.map(({ name }) => name),
    ['few'],
  );
  t.match(skipped, [{ name: 'many', reason: /raise ulimit -n/ }]);
  t.end();
});
