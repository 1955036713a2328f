import { monitorEventLoopDelay, performance } from 'node:perf_hooks';

import type { PromMetrics } from './metrics.ts';

/** How often the delay of the event loop is sampled: often enough for a p99, seldom enough to cost nothing. */
const DELAY_RESOLUTION_MS = 20;

/** Shows the process itself and the thread that calls it; returns what ends the sampling. */
export function watchProcess(metrics: PromMetrics, version: string): () => void {
  metrics.gauge('makas_build_info', version).set(1);
  metrics.gauge('makas_process_start_time_seconds').set(performance.timeOrigin / 1000);
  const rss = metrics.gauge('makas_process_resident_memory_bytes');
  const cpu = metrics.counter('makas_process_cpu_seconds_total');
  let cpuSeconds = 0;
  metrics.onScrape(() => {
    rss.set(process.memoryUsage.rss());
    const { user, system } = process.cpuUsage();
    const total = (user + system) / 1e6;
    cpu.inc(total - cpuSeconds);
    cpuSeconds = total;
  });
  return watchThread(metrics);
}

/** Shows what each thread has for itself: its heap and its event loop; returns what ends the sampling. */
export function watchThread(metrics: PromMetrics): () => void {
  const heap = metrics.gauge('makas_process_heap_used_bytes');
  const delay = metrics.gauge('makas_process_event_loop_delay_p99_seconds');
  const utilization = metrics.gauge('makas_process_event_loop_utilization');
  const delays = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
  delays.enable();
  let loop = performance.eventLoopUtilization();
  metrics.onScrape(() => {
    heap.set(process.memoryUsage().heapUsed);
    // The sampler counts its own interval as delay.
    delay.set(Math.max(0, delays.percentile(99) / 1e9 - DELAY_RESOLUTION_MS / 1000));
    delays.reset();
    const now = performance.eventLoopUtilization();
    utilization.set(performance.eventLoopUtilization(now, loop).utilization);
    loop = now;
  });
  return () => delays.disable();
}
