import { fileURLToPath } from 'node:url';
import type { Processes } from './processes.ts';

export interface GatewayAddresses {
  readonly http: string;
  readonly admin: string;
}

/** Starts the three model servers on free ports: their addresses by the names of their backends. */
export async function startModels(processes: Processes): Promise<Map<string, string>> {
  const start = async (name: string): Promise<[string, string]> => {
    const args = [fileOf('./model-server.ts'), '--model', fileOf(`./models/${name}.json`), '--name', 'tumor'];
    const readReady = (line: string): string | undefined => /^model tumor at (http:\S+)$/.exec(line)?.[1];
    return [name, await processes.start({ name: `the model server "${name}"`, args, readReady })];
  };
  return new Map(await Promise.all(['weak', 'strong', 'candidate'].map(start)));
}

/** As `npm start` has it. */
const NODE_FLAGS = ['--max-semi-space-size=64'];

/** Starts the gateway as a person would, and reads from its log where it listens. */
export async function startGateway(processes: Processes, configFile: string): Promise<GatewayAddresses> {
  const args = [...NODE_FLAGS, fileOf('../../src/bin.js'), 'serve', '--config', configFile];
  const readReady = (line: string): string | undefined => (line.includes('"msg":"serving"') ? line : undefined);
  const addresses: GatewayAddresses = JSON.parse(await processes.start({ name: 'the gateway', args, readReady }));
  return addresses;
}

function fileOf(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url));
}
