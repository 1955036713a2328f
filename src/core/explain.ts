import type { Condition } from './condition.ts';
import { assign, assignBaseline, evenSplit, findRule, shadowsFor } from './decide.ts';
import type { ArmWeights, Assignment, Matched } from './decision.ts';
import { drawOf } from './draws.ts';
import { errorRegistry, type ErrorCode } from './errors.ts';
import type { Facts } from './facts.ts';
import { asksModel, isPrediction, isRestricted, restrictedText } from './operation-kinds.ts';
import { findRoute } from './route-index.ts';
import type { Backend, EntitySource, FeatureView, Route, Rule, Snapshot } from './snapshot.ts';
import { readSource } from './source.ts';
import { rangesOf, shareOf, type Split } from './split.ts';

/** Why one request is decided as it is: a plain object for JSON. Made by the functions that serve. */
export interface Explanation {
  readonly configuration: string;
  readonly request: ExplainedRequest;
  /** Routes before the one that matched which the index ruled out by model or path. */
  readonly routesRuledOut: number;
  readonly triedRoutes: readonly Trial[];
  readonly route: Trial | null;
  readonly triedRules: readonly Trial[];
  readonly rule: Trial | null;
  readonly unit: ExplainedUnit | null;
  readonly choice: ExplainedChoice | null;
  readonly features: readonly ExplainedView[];
  readonly shadows: readonly ExplainedShadow[];
  /** What the client would get instead of an answer of the backend. */
  readonly error: { readonly code: ErrorCode; readonly message: string } | null;
}

export interface ExplainedRequest {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly protocol: string;
  readonly operation: string;
  readonly model: string;
  readonly version: string;
}

/** A route or rule, and each of its conditions. */
export interface Trial {
  readonly name: string;
  readonly conditions: readonly { readonly text: string; readonly holds: boolean; readonly found: string }[];
}

export interface ExplainedUnit {
  /** As the configuration writes it. */
  readonly source: string;
  readonly value: string;
  /** False: the value is the request id, and the next request may go elsewhere. */
  readonly isSticky: boolean;
}

export interface ExplainedChoice {
  readonly kind: 'backend' | 'split' | 'bandit';
  readonly backend: string;
  readonly arm: string;
  readonly propensity: number;
  /** What was hashed with the unit; null when nothing was drawn. */
  readonly salt: string | null;
  /** Place of the unit in [0, 1); null when nothing was drawn. */
  readonly bucket: number | null;
  readonly arms: readonly ExplainedArm[];
  readonly bandit: { readonly name: string; readonly epoch: number; readonly posteriorVersion: number } | null;
}

export interface ExplainedArm {
  readonly name: string;
  readonly backend: string;
  readonly share: number;
  /** The parts [from, to) of the circle [0, 1) that it owns. */
  readonly ranges: readonly (readonly [from: number, to: number])[];
  readonly paused: boolean;
}

export interface ExplainedView {
  readonly view: string;
  readonly entity: readonly { readonly name: string; readonly source: string; readonly value: string }[];
  readonly fields: readonly string[];
}

export interface ExplainedShadow {
  readonly backend: string;
  readonly share: number;
  readonly draw: number;
  readonly isSent: boolean;
  /** Why the shadow gets no copy although it is drawn: the request has no form in its protocol; else null. */
  readonly refusal: string | null;
}

/** Why a backend cannot get the request in a form that it understands; null when it can. */
export type RefusalOf = (
  backend: Backend,
  matched: Matched,
) => { readonly code: ErrorCode; readonly message: string } | null;

/**
 * Decides about a request as the gateway would, without sending anything, and tells why. `weights` are the shares that
 * each bandit serves now, by `Bandit.index`; without them a bandit is explained with even shares.
 */
export function explain(
  snapshot: Snapshot,
  facts: Facts,
  weights: ReadonlyArray<ArmWeights | undefined>,
  refusalOf: RefusalOf,
): Explanation {
  const triedRoutes: Route[] = [];
  const triedRules: Rule[] = [];
  const route = findRoute(snapshot.index, facts, triedRoutes);
  const rule = route === null ? null : findRule(route, facts, triedRules);
  const found = {
    configuration: snapshot.hash,
    request: explainRequest(facts),
    routesRuledOut: (route?.index ?? snapshot.routes.length) - triedRoutes.length,
    triedRoutes: triedRoutes.map((tried) => trialOf(tried.name, tried.match, facts)),
    route: route === null ? null : trialOf(route.name, route.match, facts),
    triedRules: triedRules.map((tried) => trialOf(tried.name, tried.when, facts)),
    rule: rule === null ? null : trialOf(rule.name, rule.when, facts),
  };
  if (route === null || rule === null) {
    const error = errorOf(route === null ? 'ROUTE_NOT_FOUND' : 'RULE_NOT_FOUND');
    return { ...found, unit: null, choice: null, features: [], shadows: [], error };
  }
  const features = asksModel(facts.operation) ? rule.enrich.map((view) => explainView(view, facts)) : [];
  if (isRestricted(facts.operation) && !route.allowed.has(facts.operation)) {
    return {
      ...found,
      unit: null,
      choice: null,
      features,
      shadows: [],
      error: errorOf('PATH_NOT_FOUND', restrictedText),
    };
  }
  const matched = { route, rule };
  const assignment = asksModel(facts.operation) ? assign(matched, facts, weights) : assignBaseline(matched, facts);
  const refusal = refusalOf(assignment.backend, matched);
  return {
    ...found,
    unit: { source: route.unitText, value: cut(assignment.unit), isSticky: assignment.isSticky },
    choice: explainChoice(rule, assignment, weights),
    features,
    shadows: refusal === null && isPrediction(facts.operation) ? explainShadows(matched, facts, refusalOf) : [],
    error: refusal === null ? null : errorOf(refusal.code, refusal.message),
  };
}

function errorOf(code: ErrorCode, message: string = errorRegistry[code].message): Explanation['error'] {
  return { code, message };
}

function explainRequest(facts: Facts): ExplainedRequest {
  const { requestId, method, path, protocol, operation, model, version } = facts;
  return { id: requestId, method, path, protocol, operation, model, version };
}

function trialOf(name: string, condition: Condition, facts: Facts): Trial {
  const conditions = condition.parts.map((part) => ({
    text: part.text,
    holds: part.holds(facts),
    found: cut(part.found(facts)),
  }));
  return { name, conditions };
}

function explainChoice(
  { choice, salt }: Rule,
  assignment: Assignment,
  weights: ReadonlyArray<ArmWeights | undefined>,
): ExplainedChoice {
  const { backend, arm, propensity, bucket, bandit, posteriorVersion } = assignment;
  const isDrawn = bucket >= 0;
  let arms: ExplainedArm[] = [];
  if (isDrawn && choice.kind === 'split') {
    const list = choice.arms.map((each) => ({ name: each.name, backend: each, paused: false }));
    arms = explainArms(list, choice.split);
  } else if (isDrawn && choice.kind === 'bandit') {
    arms = explainArms(choice.bandit.arms, weights[choice.bandit.index]?.split ?? evenSplit(choice.bandit));
  }
  return {
    kind: choice.kind,
    backend: backend.name,
    arm,
    propensity,
    salt: isDrawn ? salt : null,
    bucket: isDrawn ? bucket : null,
    arms,
    bandit: bandit === null ? null : { name: bandit.name, epoch: bandit.epoch, posteriorVersion },
  };
}

function explainArms(
  arms: readonly { readonly name: string; readonly backend: { readonly name: string }; readonly paused: boolean }[],
  split: Split,
): ExplainedArm[] {
  return arms.map(({ name, backend, paused }, i) => ({
    name,
    backend: backend.name,
    share: shareOf(split, i),
    ranges: rangesOf(split, i),
    paused,
  }));
}

function explainView(view: FeatureView, facts: Facts): ExplainedView {
  const entity = view.entity.map(({ name, source }) => ({
    name,
    source: sourceText(source),
    value: entityValue(source, facts),
  }));
  return { view: view.name, entity, fields: view.fields.map((field) => field.name) };
}

/** Tensors and columns hold one key for each row; they are read when the request is enriched. */
function entityValue(source: EntitySource, facts: Facts): string {
  if (source.from === 'tensor' || source.from === 'column') return 'one for each row';
  const value = readSource(source, facts);
  if (value !== undefined) return cut(JSON.stringify(value));
  return source.from === 'body' ? 'no single value; a list has one for each row' : 'nothing';
}

function sourceText(source: EntitySource): string {
  return source.from === 'body'
    ? `body:${source.path.join('.')}`
    : `${source.from}:${'name' in source ? source.name : ''}`;
}

function explainShadows(matched: Matched, facts: Facts, refusalOf: RefusalOf): ExplainedShadow[] {
  const drawn = shadowsFor(matched.rule, facts);
  return matched.rule.shadows.map((shadow) => {
    const refusal = drawn.includes(shadow) ? refusalOf(shadow.backend, matched) : null;
    return {
      backend: shadow.backend.name,
      share: shadow.share,
      draw: drawOf(facts.requestId, shadow.salt),
      isSent: drawn.includes(shadow) && refusal === null,
      refusal: refusal?.message ?? null,
    };
  });
}

const longestShown = 120;

/** Clients choose the length of their values; an explanation is for people. */
function cut(text: string): string {
  return text.length <= longestShown ? text : `${text.slice(0, longestShown - 3).toWellFormed()}...`;
}
