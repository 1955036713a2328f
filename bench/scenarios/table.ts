import type { Scenario } from '../scenario.ts';
import { pass } from './pass.ts';

export const scenarios: readonly Scenario[] = [pass];
