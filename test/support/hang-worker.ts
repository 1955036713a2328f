import { getEnvironmentData, isMainThread, setEnvironmentData, workerData } from 'node:worker_threads';

/**
 * Loaded into a gateway before its own code (`--import`): at SIGUSR2 its first worker never returns to its event loop.
 */
const KEY = 'hang';
if (isMainThread) {
  const flag = new Int32Array(new SharedArrayBuffer(4));
  setEnvironmentData(KEY, flag);
  process.on('SIGUSR2', () => Atomics.store(flag, 0, 1));
} else {
  const start: unknown = workerData;
  const isFirst = typeof start === 'object' && start !== null && 'id' in start && start.id === 1;
  const flag: unknown = getEnvironmentData(KEY);
  if (isFirst && flag instanceof Int32Array) {
    const look = setInterval(() => {
      // Only once: the worker that takes its place goes on.
      if (Atomics.exchange(flag, 0, 0) === 1) for (;;);
    }, 20);
    look.unref();
  }
}
