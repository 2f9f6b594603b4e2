/** Whole bindings of a TPM, with the platform in this process. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ecdsaP256 } from "#edge/suites/p256";
import { encodeAscii } from "#protocol/bytes";
import type { Fleet, FleetSubscriber } from "#tests/fleet/fleet";
import { createRig, type Rig } from "#tests/platform/rig";
import { bindMtm, enrolMtm, type MtmCardAtHand, type Platform } from "./mtm-phone.ts";
import { refusalOf } from "./scene.ts";
import { hasSwtpm, type SoftwareTpm, startSwtpm } from "./swtpm.ts";

const CARD_ID = "4D544D0000000001";
const DOCUMENT = encodeAscii("pay 100 to the plumber");

describe.skipIf(!hasSwtpm("bindings of MTM cards"))("an MTM card on the platform", () => {
  let tpm: SoftwareTpm;
  let rig: Rig;
  let fleet: Fleet;
  let platform: Platform;
  let mtm: MtmCardAtHand;
  let subscriber: FleetSubscriber;

  beforeAll(async () => {
    tpm = await startSwtpm();
    rig = await createRig();
    fleet = await rig.fleet();
    const { fetch, now, dependencies } = rig;
    platform = { url: "http://rig.test", fetch, now, deployment: dependencies.deployment };
    mtm = await enrolMtm(fleet, platform, tpm, CARD_ID);
    subscriber = await fleet.addSubscriber({ operator: "46001" });
    await fleet.addRule({ cardId: CARD_ID }, { imsi: subscriber.imsi }, "refuse");
  });

  afterAll(async () => {
    await rig.dispose();
    await tpm.stop();
  });

  const isSigned = async (): Promise<boolean> =>
    ecdsaP256.verify(mtm.servicePublicKey, DOCUMENT, await mtm.card.sign(DOCUMENT));

  test("binds, serves several documents, and again after a renewal", async () => {
    expect(await refusalOf(mtm.card.sign(DOCUMENT))).toBe("TPM2_Sign refused");
    const { outcome } = await bindMtm(platform, fleet, mtm, subscriber);
    expect(outcome).toMatchObject({
      verdict: "SUCCESS",
      cardState: "serving",
      receipt: "delivered",
    });
    expect(await isSigned()).toBe(true);
    expect(await isSigned()).toBe(true);
    const renewed = await bindMtm(platform, fleet, mtm, subscriber);
    expect(renewed.outcome.verdict).toBe("SUCCESS");
    expect(await isSigned()).toBe(true);
  });
});
