import type { Stand } from './stand.ts';
import { mlserver } from './stands/mlserver.ts';
import { kserve } from './stands/kserve.ts';
import { triton } from './stands/triton.ts';
import { mlflow } from './stands/mlflow.ts';
import { openai } from './stands/openai.ts';
import { ray } from './stands/ray.ts';
import { seldon } from './stands/seldon.ts';
import { translated } from './stands/translated.ts';

/** In the order of the page. */
export const stands: readonly Stand[] = [mlserver, translated, kserve, triton, mlflow, openai, seldon, ray];
