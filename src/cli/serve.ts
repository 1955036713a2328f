import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { collectStartupGarbage } from '../app/startup-garbage.ts';
import { startApp, type App } from '../app.ts';
import { prepareConfigFile } from '../config/prepare.ts';
import { formatProblem } from '../config/problem.ts';

const USAGE = 'usage: makas serve [--config FILE]   (default config/makas.yaml)';

/** `makas serve`: runs until SIGTERM or SIGINT; SIGHUP loads the configuration again. Returns the exit code. */
export async function serveCommand(args: readonly string[]): Promise<number> {
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
  const stop = untilSignal();
  let app: App | null = null;
  // Before the start has ended there is nothing to reload, but the signal must not end the process.
  process.on('SIGHUP', () => void app?.reload('SIGHUP'));
  try {
    app = await startApp({ path, config });
    collectStartupGarbage();
    await stop;
    await app.close();
    return 0;
  } catch (error) {
    console.error(`makas cannot start: ${config.redact(error instanceof Error ? error.message : String(error))}`);
    return 1;
  }
}

/** Listens from the beginning: as process 1 in a container, signals without a listener are ignored. A second ends at once. */
function untilSignal(): Promise<void> {
  return new Promise((done) => {
    let count = 0;
    const onSignal = (): void => {
      if (++count > 1) process.exit(130);
      done();
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });
}
