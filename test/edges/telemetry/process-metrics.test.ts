import { setImmediate as nextTurn } from 'node:timers/promises';

import { test } from 'tap';

import { PromMetrics } from '../../../src/edges/telemetry/metrics.ts';
import { watchProcess } from '../../../src/edges/telemetry/process-metrics.ts';

function valuesOf(body: string): Map<string, number> {
  const lines = body.split('\n').filter((line) => line.startsWith('makas_'));
  return new Map(lines.map((line) => line.split(' ')).map(([name, value]) => [name ?? '', Number(value)]));
}

test('the process shows its memory, CPU time, start and event loop', async (t) => {
  // The loop has no time of its own before its first turn.
  await nextTurn();
  const metrics = new PromMetrics();
  t.teardown(watchProcess(metrics, '1.2.3'));
  const first = valuesOf((await metrics.render()).body);
  t.equal(first.get('makas_build_info{version="1.2.3"}'), 1);
  t.ok((first.get('makas_process_resident_memory_bytes') ?? 0) > 1e7);
  t.ok((first.get('makas_process_heap_used_bytes') ?? 0) > 1e6);
  t.ok(Math.abs((first.get('makas_process_start_time_seconds') ?? 0) - Date.now() / 1000) < 600);
  const busyUntil = performance.now() + 30;
  while (performance.now() < busyUntil);
  const second = valuesOf((await metrics.render()).body);
  const cpu =
    (second.get('makas_process_cpu_seconds_total') ?? 0) - (first.get('makas_process_cpu_seconds_total') ?? 0);
  t.ok(cpu > 0.005 && cpu < 5, `${cpu} s of CPU for 30 ms of work`);
  t.ok((second.get('makas_process_event_loop_utilization') ?? 0) > 0.5);
  t.ok((second.get('makas_process_event_loop_delay_p99_seconds') ?? -1) >= 0);
});
