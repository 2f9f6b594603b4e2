/**
 * I2, I4, M13: a subscriber moves from a running osmo-hlr to the embedded centre and back, and its
 * USIM needs no AUTS. On Bun and on workerd.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { encodeHex } from "#protocol/bytes";
import { createLiveRig, GENEROUS, type LiveRig } from "#tests/platform/live-rig";
import { random } from "#tests/platform/rig";
import { bindOnce, expectVerdict, makePair, type Pair } from "./bindings.ts";
import { hasOsmoHlr, type OsmoHlr, startOsmoHlr } from "./osmo-hlr.ts";

const BY = ["Ada Lovelace"] as const;
const TWO = ["Ada Lovelace", "Grace Hopper"] as const;
const AT_HLR = { centre: "hlr", proves: "USIM", by: BY } as const;
/** As osmo-hlr has it: SEQ and 5 bits of IND. */
const IND_COUNT = 32;
/** SEQ_MS of a module at every IND, so that a lower SEQ of any slot is answered by AUTS. */
const AHEAD = 5000;

async function expectProblem(move: Promise<unknown>, code: string): Promise<void> {
  const refusal = await move.then(
    () => "moved",
    (error: unknown) => String(error),
  );
  expect(refusal).toContain(code);
}

describe.skipIf(!hasOsmoHlr("a subscriber moves")).each(["bun", "workerd"] as const)(
  "gsup: a subscriber moves, on %s",
  (runtime) => {
    let hlr: OsmoHlr;
    let rig: LiveRig;
    beforeAll(async () => {
      hlr = await startOsmoHlr();
      rig = await createLiveRig(runtime === "workerd", {
        ...GENEROUS,
        SIMLATCH_GSUP_CENTRES: "hlr",
        SIMLATCH_GSUP_HLR_ADDRESS: hlr.address,
        SIMLATCH_SLOTS: "2",
      });
    }, 60_000);
    afterAll(async () => {
      await rig.dispose();
      await hlr.dispose();
    }, 60_000);

    /** The rounds of a binding: more than one is an AUTS. */
    async function countRounds({ card, subscriber }: Pair): Promise<number> {
      let rounds = 0;
      const phone = await rig.fleet.assemblePhone(card, subscriber, {
        async http(request, next) {
          if (request.url.endsWith("/answer")) rounds += 1;
          return next(request);
        },
      });
      const { outcome } = await phone.bind();
      expect(outcome).toMatchObject({ verdict: "SUCCESS", receipt: "delivered" });
      return rounds;
    }
    const clear = ({ card }: Pair): Promise<void> =>
      rig.fleet.admin.orderCard(card.cardId, { order: "clear", by: TWO });
    const bringKeys = ({ subscriber }: Pair, sqn: number, changes: object = {}) =>
      rig.fleet.admin.moveSubscriber(subscriber.imsi, {
        centre: "embedded",
        ...subscriber.enrolment,
        sqn,
        by: BY,
        ...changes,
      });

    test("there, here, there again: each time without AUTS, and after two people cleared it", async () => {
      const pair = await makePair(rig.fleet, hlr, { seqMs: AHEAD });
      const { imsi } = pair.subscriber;
      const { admin } = rig.fleet;
      // The HLR learns here how far the module is.
      expect(await countRounds(pair)).toBe(2);
      // Five vectors left at once: the module has seen one of them.
      const seq = AHEAD + 5;
      expect(hlr.seqOf(imsi)).toBe(seq);
      const moved = await bringKeys(pair, seq * IND_COUNT + 31);
      expect(moved).toEqual({ keyVersion: 2, sqn: seq * IND_COUNT + 1 });
      // The card is pinned to the keys of before.
      await expectVerdict(pair.bind(), "FAILURE");
      await clear(pair);
      expect(await countRounds(pair)).toBe(1);
      expect(await countRounds(pair)).toBe(1);
      expect(hlr.seqOf(imsi)).toBe(seq);

      const { keyVersion, sqn } = await admin.moveSubscriber(imsi, AT_HLR);
      // Three more: the refused binding took one, too. The slot that was not asked has the floor.
      expect([keyVersion, sqn]).toEqual([3, (seq + 3) * IND_COUNT]);
      hlr.setSqn(imsi, sqn ?? 0);
      await clear(pair);
      expect(await countRounds(pair)).toBe(1);
      expect(hlr.seqOf(imsi)).toBe(seq + 8);
    }, 60_000);

    test("an SQN that was told too low costs a round, as for a new subscriber", async () => {
      const pair = await makePair(rig.fleet, hlr, { seqMs: AHEAD });
      await expectVerdict(pair.bind(), "SUCCESS");
      await bringKeys(pair, 0);
      await clear(pair);
      expect(await countRounds(pair)).toBe(2);
      expect(await countRounds(pair)).toBe(1);
    }, 60_000);

    test("an answer to a challenge of before the move is refused", async () => {
      const pair = await makePair(rig.fleet, hlr);
      const { card, subscriber } = pair;
      const phone = await rig.fleet.assemblePhone(card, subscriber, {
        async http(request, next) {
          if (request.url.endsWith("/answer")) await bringKeys(pair, 5 * IND_COUNT);
          return next(request);
        },
      });
      const { outcome } = await phone.bind();
      expect(outcome.verdict).toBe("FAILURE");
      const events = await rig.fleet.admin.getAudit({ card: card.cardId });
      expect(events.map(({ reason }) => reason).join(" ")).toContain("keys_replaced");
      await expectVerdict(pair.bind(), "SUCCESS");
    }, 60_000);

    test("wrong keys, an unknown centre, the same centre again: nothing locks, nothing moves", async () => {
      const pair = await makePair(rig.fleet, hlr);
      const { card, subscriber } = pair;
      const { admin } = rig.fleet;
      await expectVerdict(pair.bind(), "SUCCESS");
      const nowhere = admin.moveSubscriber(subscriber.imsi, { ...AT_HLR, centre: "nowhere" });
      await expectProblem(nowhere, "malformed");
      await expectProblem(bringKeys(pair, 160, { opc: undefined }), "malformed");
      expect(await admin.moveSubscriber(subscriber.imsi, AT_HLR)).toMatchObject({ keyVersion: 1 });
      await expectVerdict(pair.bind(), "SUCCESS");
      await bringKeys(pair, 10 * IND_COUNT, { k: encodeHex(random(16)) });
      await clear(pair);
      await expectVerdict(bindOnce(rig.fleet, card, subscriber), "FAILURE");
      await expectProblem(bringKeys(pair, 10 * IND_COUNT), "conflict");
      await admin.replaceKeys(subscriber.imsi, subscriber.enrolment);
      expect(await countRounds(pair)).toBe(1);
    }, 60_000);
  },
);
