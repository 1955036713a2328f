import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, startPinned, waitUntilReady } from '../child.ts';
import { nginxVersion, READY_PATH, renderNginx, startNginx } from '../nginx.ts';
import { isAnswering } from '../probe.ts';
import type { Scenario } from '../scenario.ts';

export interface Upstream {
  readonly kind: 'nginx' | 'node';
  readonly version: string;
  readonly port: number;
  readonly config: string;
  readonly stop: () => Promise<void>;
}

/** A literal of the nginx configuration; nginx would read `$` as a variable and has no escape for it. */
export function quoteNginx(text: string): string {
  if (text.includes('$')) throw new Error('an answer of nginx cannot hold a dollar sign');
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

function renderUpstream(scenario: Scenario, port: number): string {
  return renderNginx(`  server {
    listen 127.0.0.1:${port} backlog=1024;
    location = ${READY_PATH} { return 200; }
    location /v2/models/ {
      default_type ${scenario.answer.contentType};
      return 200 ${quoteNginx(scenario.answer.body)};
    }
  }
`);
}

/** Starts what stands for the model server: nginx with a fixed answer, since it never limits, else Node. */
export async function startUpstream(core: number, dir: string, scenario: Scenario): Promise<Upstream> {
  const port = await freePort();
  const version = nginxVersion();
  if (version !== null) {
    const config = renderUpstream(scenario, port);
    const child = await startNginx(core, dir, port, config);
    return { kind: 'nginx', version, port, config, stop: child.stop };
  }
  mkdirSync(dir, { recursive: true });
  const answer = join(dir, 'answer');
  writeFileSync(answer, scenario.answer.body);
  const words = [
    join(import.meta.dirname, 'upstream-server.ts'),
    String(port),
    answer,
    scenario.answer.contentType,
    READY_PATH,
  ];
  const child = startPinned(core, process.execPath, words);
  await waitUntilReady('the Node upstream', child, () => isAnswering(port, READY_PATH));
  return { kind: 'node', version: process.version, port, config: 'node:http with a fixed answer', stop: child.stop };
}
