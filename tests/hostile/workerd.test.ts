/** The hostile terminal in small against two Workers in workerd; all of it: `hostile --edge`. */
import { expect, test } from "bun:test";
import { attackShare, TIMEOUT_MS } from "./share.ts";

test(
  "some cells withstand it in workerd",
  async () => {
    const { totals, findings } = await attackShare({ edge: true, everyCell: 18, everyClass: 5 });
    expect(findings).toEqual([]);
    expect(totals).toMatchObject({ cells: 6, cellsCovered: 6, accepted: 0, wronglyLocked: 0 });
  },
  TIMEOUT_MS,
);
