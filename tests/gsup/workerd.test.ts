/** M3, M13: the same bindings with the platform in workerd: through the relay, and by connect(). */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { encodeBase64Url } from "#protocol/bytes";
import { createLiveRig, GENEROUS, type LiveRig } from "#tests/platform/live-rig";
import { random } from "#tests/platform/rig";
import { expectVerdict, makePair } from "./bindings.ts";
import { hasOsmoHlr, type OsmoHlr, startOsmoHlr } from "./osmo-hlr.ts";
import { type RelayProgram, startRelayProgram } from "./relay-program.ts";

const NAME = "edge-fra";

describe.skipIf(!hasOsmoHlr("bindings on workerd"))("gsup: workerd and osmo-hlr", () => {
  describe.each(["relay", "connect()"] as const)("through %s", (way) => {
    let hlr: OsmoHlr;
    let relay: RelayProgram | undefined;
    let rig: LiveRig;

    beforeAll(async () => {
      hlr = await startOsmoHlr();
      const key = encodeBase64Url(random(32));
      relay = way === "relay" ? await startRelayProgram(hlr.address, `${NAME}:${key}`) : undefined;
      rig = await createLiveRig(true, {
        ...GENEROUS,
        SIMLATCH_GSUP_CENTRES: "hlr",
        SIMLATCH_GSUP_HLR_PEER_NAME: NAME,
        ...(relay === undefined
          ? { SIMLATCH_GSUP_HLR_ADDRESS: hlr.address }
          : { SIMLATCH_GSUP_HLR_RELAY: relay.url, SIMLATCH_GSUP_HLR_RELAY_KEY: key }),
      });
    }, 60_000);
    afterAll(async () => {
      await rig.dispose();
      await relay?.stop();
      await hlr.dispose();
    }, 60_000);

    test("a USIM, a SIM, and a USIM that is ahead", async () => {
      const usim = await makePair(rig.fleet, hlr);
      for (let i = 0; i < 6; i++) await expectVerdict(usim.bind(), "SUCCESS");
      const sim = await makePair(rig.fleet, hlr, { kind: "SIM" });
      for (let i = 0; i < 3; i++) await expectVerdict(sim.bind(), "SUCCESS");
      const ahead = await makePair(rig.fleet, hlr, { seqMs: 5000 });
      for (let i = 0; i < 2; i++) await expectVerdict(ahead.bind(), "SUCCESS");
      expect(hlr.names()).toEqual([NAME]);
    }, 60_000);

    test("AUTS, and the HLR restarts under it", async () => {
      const { card, subscriber } = await makePair(rig.fleet, hlr, { seqMs: 7000 });
      let answers = 0;
      const phone = await rig.fleet.assemblePhone(card, subscriber, {
        async http(request, next) {
          if (request.url.endsWith("/answer")) answers += 1;
          if (request.url.endsWith("/answer") && answers === 1) await hlr.halt();
          const answer = await next(request);
          if (answer.status === 503) await hlr.resume();
          return answer;
        },
      });
      await expectVerdict(
        phone.bind().then(({ outcome }) => outcome),
        "SUCCESS",
      );
      expect(answers).toBe(3);
    }, 60_000);

    test("a subscriber that the HLR has lost", async () => {
      const { subscriber, bind } = await makePair(rig.fleet, hlr);
      hlr.forget(subscriber.imsi);
      await expectVerdict(bind(), "FAILURE");
    }, 60_000);
  });

  test("two HLRs beside each other: each object CENTRE has its own", async () => {
    const [north, south] = [await startOsmoHlr(), await startOsmoHlr()];
    const rig = await createLiveRig(true, {
      ...GENEROUS,
      SIMLATCH_GSUP_CENTRES: "north,south",
      SIMLATCH_GSUP_NORTH_ADDRESS: north.address,
      SIMLATCH_GSUP_SOUTH_ADDRESS: south.address,
    });
    for (const [name, hlr] of Object.entries({ north, south })) {
      const { subscriber, bind } = await makePair(rig.fleet, { ...hlr, name });
      await expectVerdict(bind(), "SUCCESS");
      expect(hlr.seqOf(subscriber.imsi)).toBe(5);
    }
    await rig.dispose();
    await north.dispose();
    await south.dispose();
  }, 60_000);
});
