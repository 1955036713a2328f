import { styleText } from 'node:util';
import { describeSample } from './client.ts';
import { readRequests } from './dataset.ts';
import type { GatewayAddresses } from './servers.ts';

export interface KeptRun extends GatewayAddresses {
  readonly configFile: string;
  readonly models: ReadonlyMap<string, string>;
}

/** What a person can try while everything stays up: commands to paste into another terminal. */
export function keepLines({ http, admin, configFile, models }: KeptRun): string[] {
  const body = JSON.stringify(describeSample(readRequests()[1]!));
  const explained = JSON.stringify({ method: 'POST', path: '/v2/models/diagnosis/infer', body: JSON.parse(body) });
  const json = "-H 'content-type: application/json'";
  const title = (text: string): string => styleText('bold', text);
  return [
    '',
    title('Everything stays up until Ctrl-C. In another terminal:'),
    '',
    title('Ask the bandit (a token for the reward comes back in makas-decision)'),
    `curl -i ${http}/v2/models/diagnosis/infer ${json} \\\n  -d '${body}'`,
    title('Reward that answer'),
    `curl ${http}/rewards ${json} -d '{"decision": "TOKEN", "reward": 1}'`,
    title('Ask as a tester, or as a user of the canary'),
    `curl -i ${http}/v2/models/diagnosis/infer -H 'x-tier: beta' ${json} \\\n  -d '${body}'`,
    `curl -i ${http}/v2/models/diagnosis-canary/infer -H 'x-user-id: you' ${json} \\\n  -d '${body}'`,
    title('Look inside'),
    `curl ${admin}/admin/bandits`,
    `curl ${admin}/admin/routes`,
    `curl ${admin}/metrics`,
    title('Ask why'),
    `curl ${admin}/admin/explain ${json} \\\n  -d '${explained}'`,
    title('Change the configuration while it runs; a file that does not check changes nothing'),
    `$EDITOR ${configFile}`,
    `npm run makas -- check ${configFile}`,
    title('The models themselves'),
    ...[...models].map(([name, url]) => `curl ${url}/v2/models/tumor    # ${name}`),
    '',
  ];
}
