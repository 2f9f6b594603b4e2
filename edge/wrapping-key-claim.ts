/** At the start: whether the configured wrapping keys are those that rows need. */
import type { Dependencies } from "./dependencies.ts";
import { findWrappingKeyFault, type WrappingKeyFault } from "./wrapping-keys.ts";

/**
 * Undefined when they are; the newest one is recorded from then on, before anything is wrapped with
 * it. A key that something was wrapped with and that is missing is found here, not at its rows.
 */
export async function claimWrappingKeys({
  repositories,
  vault,
}: Pick<Dependencies, "repositories" | "vault">): Promise<WrappingKeyFault | undefined> {
  const { wrappingKeys } = repositories;
  const recorded = await wrappingKeys.list();
  const fault = findWrappingKeyFault(vault.wrappingKeys, recorded);
  const newest = vault.wrappingKeys.find(({ id }) => id === vault.newestKeyId);
  const isKnown = recorded.some(({ id }) => id === vault.newestKeyId);
  if (fault !== undefined || isKnown || newest === undefined) return fault;
  await wrappingKeys.record(newest);
  // Another process may have been first with the same id and other bytes.
  return findWrappingKeyFault(vault.wrappingKeys, await wrappingKeys.list());
}

/** What an operator is told; it names the key and holds no value. */
export function describeWrappingKeyFault({ reason, id }: WrappingKeyFault): string {
  return reason === "wrapping_key_absent"
    ? `Wrapping key ${id} is not in SIMLATCH_WRAPPING_KEYS, and rows may still be wrapped with ` +
        `it. Put it back after the first entry; "bun run simlatch rewrap" ends the need for it.`
    : `Wrapping key ${id} in SIMLATCH_WRAPPING_KEYS is not the key that this storage knows under ` +
        `that id. Put the right one back; a new key takes an id that was never used.`;
}
