import { Backend } from '../schema/backend.ts';
import { Bandit } from '../schema/bandit.ts';
import { FeatureView } from '../schema/feature-view.ts';
import { Limits, Listen, Rewards, State } from '../schema/listen.ts';
import { Condition, Match } from '../schema/match.ts';
import { Config } from '../schema/root.ts';
import { Route, Rule } from '../schema/route.ts';
import { Shadow } from '../schema/shadow.ts';
import { Log, Tracing } from '../schema/telemetry.ts';
import { type SchemaNode, readSchema } from '../schema-node.ts';

/** A part of the language with a heading of its own; what is within it elsewhere is a link to it. */
export interface Section {
  readonly title: string;
  /** Path that the fields of the section begin with. */
  readonly path: string;
  readonly schema: SchemaNode;
}

export const sections: readonly Section[] = [
  section('The file', '', Config),
  section('Listen', 'listen', Listen),
  section('Limits', 'limits', Limits),
  section('State', 'state', State),
  section('Rewards', 'rewards', Rewards),
  section('Log', 'log', Log),
  section('Tracing', 'tracing', Tracing),
  section('Backend', 'backends.NAME', Backend),
  section('Feature view', 'features.NAME', FeatureView),
  section('Route', 'routes[]', Route),
  section('Rule', 'routes[].rules[]', Rule),
  section('Match', 'match', Match),
  section('Condition', 'CONDITION', Condition),
  section('Bandit', 'bandit', Bandit),
  section('Shadow', 'shadow[]', Shadow),
];

/** The section that documents a schema. Its description is its identity: wrapping a schema as optional copies it. */
export function sectionOf(schema: SchemaNode): Section | undefined {
  return sections.find((known) => known.schema.description === schema.description);
}

export function anchorOf(title: string): string {
  return `#${title.toLowerCase().replaceAll(' ', '-')}`;
}

function section(title: string, path: string, schema: object): Section {
  return { title, path, schema: readSchema(schema) };
}
