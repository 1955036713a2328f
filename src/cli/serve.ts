import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { collectStartupGarbage } from '../app/startup-garbage.ts';
import { startApp } from '../app.ts';
import { prepareConfigFile } from '../config/prepare.ts';
import { formatProblem } from '../config/problem.ts';
import type { Signals } from './signals.ts';

const USAGE = 'usage: makas serve [--config FILE]   (default config/makas.yaml)';

/** `makas serve`: runs until SIGTERM or SIGINT; SIGHUP loads the configuration again. Returns the exit code. */
export async function serveCommand(args: readonly string[], signals: Signals): Promise<number> {
  let path: string;
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { config: { type: 'string', default: 'config/makas.yaml' } },
    });
    path = resolve(values.config);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
    return 2;
  }
  const config = prepareConfigFile(path);
  if (config.snapshot === null) {
    for (const problem of config.problems) console.error(formatProblem(problem, path));
    return 1;
  }
  try {
    const app = await startApp({ path, config });
    signals.onReload(() => void app.reload('SIGHUP'));
    collectStartupGarbage();
    await signals.stop;
    await app.close();
    return 0;
  } catch (error) {
    console.error(`makas cannot start: ${config.redact(error instanceof Error ? error.message : String(error))}`);
    return 1;
  }
}
