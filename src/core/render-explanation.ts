import type { ExplainedArm, ExplainedChoice, Explanation, Trial } from './explain.ts';

type Line = readonly [label: string, text: string];

/** An explanation as text for people: labels in one column, what they mean in another; ends with a line break. */
export function renderExplanation(explanation: Explanation): string {
  const { request, unit, choice, error } = explanation;
  const name = request.version === '' ? request.model : `${request.model} version ${request.version}`;
  const lines: Line[] = [
    ['request', `${request.method} ${request.path}`],
    [
      '',
      [`${request.protocol} ${request.operation}`, name, `id ${request.id}`].filter((part) => part !== '').join(', '),
    ],
    ...routeLines(explanation),
    ...explanation.triedRules.flatMap((trial) => trialLines('not rule', trial)),
  ];
  if (explanation.rule !== null) lines.push(...trialLines('rule', explanation.rule));
  if (unit !== null) lines.push(['unit', unitText(unit)]);
  if (choice !== null) lines.push(...choiceLines(choice));
  for (const { view, entity, fields } of explanation.features) {
    const keys = entity.map((part) => `${part.name} from ${part.source} = ${part.value}`).join(', ');
    lines.push(['features', `${view} (${fields.join(', ')})`], ['', `for ${keys}`]);
  }
  for (const { backend, share, draw, isSent, refusal } of explanation.shadows) {
    lines.push([
      'shadow',
      `${backend} ${isSent ? 'gets a copy' : 'gets none'}: draw ${decimal(draw)}, share ${percent(share)}`,
    ]);
    if (refusal !== null) lines.push(['', `the request has no form for it: ${refusal}`]);
  }
  if (error !== null) lines.push(['error', `${error.code}: ${error.message}`]);
  const width = Math.max(...lines.map(([label]) => label.length));
  return lines.map(([label, text]) => `${label.padEnd(width)}  ${text}\n`).join('');
}

function routeLines({ route, routesRuledOut: count, triedRoutes, configuration }: Explanation): Line[] {
  const lines: Line[] = [['config', configuration]];
  if (count > 0) {
    const routes = count === 1 ? '1 route is' : `${count} routes are`;
    lines.push(['', `${routes} for other models or paths`]);
  }
  lines.push(...triedRoutes.flatMap((trial) => trialLines('not route', trial)));
  if (route !== null) lines.push(...trialLines('route', route));
  return lines;
}

function unitText({ source, value, isSticky }: NonNullable<Explanation['unit']>): string {
  if (isSticky) return `${JSON.stringify(value)} from ${source}`;
  const why = source === 'request' ? '' : `, nothing in ${source}`;
  return `${JSON.stringify(value)}, the request itself${why}`;
}

/** For what did not hold, only the conditions that failed; they are the reason. */
function trialLines(label: string, trial: Trial): Line[] {
  const isReason = label.startsWith('not');
  const shown = isReason ? trial.conditions.filter((condition) => !condition.holds) : trial.conditions;
  const lines: Line[] = [[label, shown.length === 0 ? `${trial.name}, which has no conditions` : trial.name]];
  for (const { text, found } of shown) lines.push(['', `${isReason ? '✗' : '✓'} ${text}, found ${found}`]);
  return lines;
}

function choiceLines(choice: ExplainedChoice): Line[] {
  const lines: Line[] = [];
  if (choice.bucket !== null)
    lines.push(['bucket', `${decimal(choice.bucket)} by the salt ${JSON.stringify(choice.salt)}`]);
  if (choice.bandit !== null) {
    const { name, epoch, posteriorVersion } = choice.bandit;
    const learned = posteriorVersion === 0 ? 'no posterior read, even shares' : `posterior version ${posteriorVersion}`;
    lines.push(['bandit', `${name}, epoch ${epoch}, ${learned}`]);
  }
  const width = Math.max(0, ...choice.arms.map((arm) => arm.name.length));
  for (const arm of choice.arms) lines.push(['', armText(arm, choice.arm, width)]);
  const arm = choice.arm === choice.backend ? '' : ` as arm ${choice.arm}`;
  lines.push(['backend', `${choice.backend}${arm}, propensity ${decimal(choice.propensity)}`]);
  return lines;
}

function armText(arm: ExplainedArm, chosen: string, width: number): string {
  const ranges = arm.ranges.map(([from, to]) => `[${decimal(from)}, ${decimal(to)})`).join(' ');
  const share = percent(arm.share).padStart(8);
  const text = `${arm.name === chosen ? '→' : ' '} ${arm.name.padEnd(width)} ${share}  ${arm.paused ? 'paused' : ranges}`;
  return text.trimEnd();
}

function decimal(value: number): string {
  return String(Number(value.toFixed(6)));
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(4))}%`;
}
