/** The platform under attack, one a cell: on Bun in this process, or Workers in workerd. */
import type { Fleet } from "#tests/fleet/fleet";
import type { Answer } from "#tests/platform/rig";
import { openEdgeWorld } from "./world-edge.ts";
import { openRigWorld } from "./world-rig.ts";

/** Two points of presence over one set of writers. */
export type Front = 0 | 1;

export interface World {
  readonly fleet: Fleet;
  /** POST below /v1/bindings. */
  readonly post: (front: Front, path: string, body: unknown) => Promise<Answer>;
  /** The text of every answer that `post` gave. */
  readonly said: readonly string[];
  /** What must not be in what was said. */
  readonly secrets: Uint8Array[];
  /** All that the single writers hold, but for what waits for the audit index. */
  readonly dump: () => Promise<string>;
  /** Keeps the writers' state of now; the answer brings it back, a store generation higher. */
  readonly backup: () => Promise<() => Promise<void>>;
  /** Killed at this moment and started again, with these limits. */
  readonly restart: (limits: Limits) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** `usual` quotas, or quotas that a card which binds a hundred times does not meet. */
export type Limits = "usual" | "wide";

export function openWorld(edge: boolean): Promise<World> {
  return edge ? openEdgeWorld() : openRigWorld();
}
