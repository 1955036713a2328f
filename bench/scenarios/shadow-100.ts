import { renderMakas } from '../configs/makas.ts';
import { half } from '../phases/half.ts';
import { warm } from '../phases/warm.ts';
import type { Case, Scenario } from '../scenario.ts';
import { flowerCase } from './pass.ts';

function shadowCase(name: string, shadow: string): Case {
  const routes = `  - name: iris
    match: { model: iris }
    rules: [{ name: live, backend: iris${shadow} }]
`;
  return {
    ...flowerCase,
    name,
    configs: { makas: (place) => renderMakas(place, { backends: ['iris', 'shadow'], routes }) },
  };
}

/** What a shadow does to those who wait for the primary. */
export const shadow100: Scenario = {
  name: 'shadow-100',
  about:
    'One backend, and the same with every request copied to a shadow, both at the same rate: half of what Makas can do ' +
    'with the shadow. Two upstream calls for each request show that no copy was dropped.',
  cases: [shadowCase('no shadow', ''), shadowCase('shadow 100 %', ', shadow: [{ backend: shadow, share: 100% }]')],
  phases: [warm, half],
  bars: [
    {
      of: { peer: 'makas', case: 'shadow 100 %', figure: 'halfP99Us' },
      to: { peer: 'makas', case: 'no shadow', figure: 'halfP99Us' },
      most: 1.1,
    },
  ],
  chart: 'halfP99Us',
};
