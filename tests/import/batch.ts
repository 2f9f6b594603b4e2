/** Rows of subscribers as POST /v1/admin/subscribers/batch takes them. */
import { expect } from "bun:test";
import type { BatchAnswer, RowOutcome } from "#protocol/import";
import type { Platform } from "#tests/admin/platform";

/** `options`: dryRun, update. */
export async function sendRows(
  platform: Platform,
  rows: readonly unknown[],
  options: Readonly<Record<string, boolean>> = {},
): Promise<readonly RowOutcome[]> {
  const answer = await platform.call("POST", "/subscribers/batch", { rows, ...options });
  expect(answer.status).toBe(200);
  const { outcomes }: BatchAnswer = JSON.parse(answer.text);
  return outcomes;
}
