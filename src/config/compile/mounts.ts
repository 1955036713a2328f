import type { Mount } from '../../core/snapshot.ts';
import { defaults } from '../defaults.ts';
import type { MountFile } from '../schema/mount.ts';

/** Fills in what the configuration leaves out. */
export function compileMounts(mounts: readonly MountFile[] = []): Mount[] {
  return mounts.map((mount) => ({
    host: mount.host?.toLowerCase() ?? null,
    prefix: mount.prefix ?? '',
    protocol: mount.protocol ?? null,
    path: mount.path ?? null,
    health: mount.health ?? null,
    model: mount.model ?? '',
    modelFrom: mount.modelFrom?.slice('header:'.length).toLowerCase() ?? null,
    methods: mount.methods ?? defaults.mount.methods,
  }));
}
