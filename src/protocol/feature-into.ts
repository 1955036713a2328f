import type { FeatureDatatype } from './feature-layout.ts';
import type { Path } from './json-path.ts';

/** Where in a request feature values go. */
export type Into =
  /** One input tensor of shape [rows, features]. */
  | { readonly kind: 'tensor'; readonly name: string; readonly datatype: FeatureDatatype }
  /** One input tensor of shape [rows, 1] per feature, named by the feature. */
  | { readonly kind: 'tensors' }
  /** Into the rows of V1 `instances` (or `inputs`): more elements of array rows, keys of object rows. */
  | { readonly kind: 'columns'; readonly position: 'append' | 'prepend' }
  /** Into the outermost `parameters`, as prefix and feature name; one row only. */
  | { readonly kind: 'parameters'; readonly prefix: string }
  /** Into the object at a JSON pointer; with several rows, the array of such objects. */
  | { readonly kind: 'pointer'; readonly path: Path };
