import { setTimeout as delay } from 'node:timers/promises';

/** Waits until a condition holds, asked every few milliseconds; throws with its name when it does not in time. */
export async function until(name: string, holds: () => boolean | Promise<boolean>, limitMs = 5000): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error(`not in time: ${name}`);
    await delay(5);
  }
}
