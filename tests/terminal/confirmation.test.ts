/** Section 3.5 of docs/protocol.md, and what becomes of CK and IK (invariant I10). */
import { expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import type { StepReport } from "#protocol/steps";
import { bind } from "#terminal/bind";
import { challengeParts, concat, createModuleDouble, ENCRYPTED, RES, SIGNED } from "./doubles.ts";
import { rejectionOf } from "./rejection.ts";
import { createRig, type Rig } from "./rig.ts";

const BOTH = [SIGNED, ENCRYPTED] as const;

function areKeysWiped(rig: Rig): boolean {
  return rig.module.responses.every(({ keys }) =>
    [...(keys?.ck ?? []), ...(keys?.ik ?? [])].every((byte) => byte === 0),
  );
}

test("confirmation tag: HMAC-SHA-256 under CK || IK of session, challenge and answer, if asked for", async () => {
  const keys = Uint8Array.from([...Array<number>(16).fill(0xcc), ...Array<number>(16).fill(0x1c)]);
  const label = "801b73696d6c617463682f3120636f6e6669726d6174696f6e20746167";
  const answer = `b50a9508${"01".repeat(8)}`;
  const message = `${label}c710${"07".repeat(16)}${concat(challengeParts(0)).toHex()}${answer}`;
  const tag = createHmac("sha256", keys).update(Uint8Array.fromHex(message)).digest("hex");
  for (const terms of BOTH)
    for (const confirmationTag of [true, false]) {
      const rig = createRig(terms);
      await bind({ ...rig.options, confirmationTag });
      const data = rig.card.commands.find(({ name }) => name === "answer")?.data ?? "";
      expect(data.endsWith(confirmationTag ? `9820${tag}` : "9800")).toBe(true);
    }
});

test("a module that gives no CK and IK makes no tag", async () => {
  const rig = createRig(SIGNED, { module: { authenticate: async () => ({ answer: RES }) } });
  await bind({ ...rig.options, confirmationTag: true });
  expect(rig.card.commands.find(({ name }) => name === "answer")?.data).toEndWith("9800");
});

test("CK and IK are zeros after use: wanted or not, after a refusal, after an abort, too late", async () => {
  for (const terms of BOTH)
    for (const confirmationTag of [true, false]) {
      const good = createRig(terms);
      await bind({ ...good.options, confirmationTag });
      const refused = createRig(terms, {
        card: { onAnswer: (name, parts) => (name === "answer" ? 0x6985 : concat(parts)) },
      });
      await bind({ ...refused.options, confirmationTag });
      const controller = new AbortController();
      const aborted = createRig(terms);
      const onStep = ({ step }: StepReport): void => {
        if (step === 323 || step === 426) controller.abort();
      };
      const { signal } = controller;
      await rejectionOf(bind({ ...aborted.options, confirmationTag, onStep, signal }));
      expect([good, refused, aborted].map(({ module }) => module.responses.length)).toEqual([
        1, 1, 1,
      ]);
      expect([good, refused, aborted].map(areKeysWiped)).toEqual([true, true, true]);
    }
  const late = Promise.withResolvers<void>();
  const module = createModuleDouble();
  const slow = createRig(SIGNED, {
    module: {
      authenticate: async (challenge) => {
        await late.promise;
        return module.authenticate(challenge);
      },
    },
  });
  expect(await rejectionOf(bind({ ...slow.options, deadlineMs: 20 }))).toMatchObject({
    code: "deadline_exceeded",
  });
  late.resolve();
  await Bun.sleep(1);
  expect(module.responses[0]?.keys).toEqual({ ck: new Uint8Array(16), ik: new Uint8Array(16) });
});
