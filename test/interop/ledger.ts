import { setTimeout as sleep } from 'node:timers/promises';

import type { CheckResult } from './stand.ts';

const SETTLE_MS = 5_000;

interface Series {
  readonly name: string;
  readonly labels: string;
  readonly value: number;
}

async function scrape(adminPort: string): Promise<Series[]> {
  const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
  return [...text.matchAll(/^(\w+)(\{.*\})? (\S+)$/gm)].map(([, name = '', labels = '', value]) => ({
    name,
    labels,
    value: Number(value),
  }));
}

function sum(series: readonly Series[], name: string, label = ''): number {
  let total = 0;
  for (const each of series) if (each.name === name && each.labels.includes(label)) total += each.value;
  return total;
}

/** After a client: every request has ended, and the copies for the shadow were sent and answered. */
export async function checkLedger(adminPort: string): Promise<CheckResult[]> {
  let series = await scrape(adminPort);
  for (const deadline = Date.now() + SETTLE_MS; Date.now() < deadline; series = await scrape(adminPort)) {
    const open = ['makas_requests_inflight', 'makas_shadow_inflight', 'makas_shadow_queue'];
    if (open.every((name) => sum(series, name) === 0)) break;
    await sleep(50);
  }
  const started = sum(series, 'makas_requests_started_total');
  const ended = sum(series, 'makas_requests_total') + sum(series, 'makas_requests_aborted_total');
  const copies = sum(series, 'makas_shadow_total');
  const compared = sum(series, 'makas_shadow_compared_total');
  const agree = sum(series, 'makas_shadow_compared_total', 'result="agree"');
  const mismatches = sum(series, 'makas_shadow_mismatch_total');
  const reasons = series
    .filter(({ name, value }) => name === 'makas_shadow_dropped_total' && value > 0)
    .map(({ labels, value }) => `, ${value} not sent: ${/reason="([^"]*)"/.exec(labels)?.[1]}`);
  return [
    {
      check: 'every request ended once',
      ok: started === ended && started > 0,
      detail: `${started} started, ${ended} ended`,
    },
    {
      check: 'the shadow had its copies',
      ok: copies > 0 && compared > 0,
      detail: `${copies} copies, ${compared} compared, ${agree} agree, ${mismatches} differ${reasons.join('')}`,
    },
  ];
}
