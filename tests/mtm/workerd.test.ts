/** A whole binding of a TPM with the platform in workerd, as the edge runs it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ecdsaP256 } from "#edge/suites/p256";
import { createLiveRig, type LiveRig } from "#tests/platform/live-rig";
import { CARD_ID, HOME } from "./bench.ts";
import { bindMtm, enrolMtm } from "./mtm-phone.ts";
import { refusalOf } from "./scene.ts";
import { hasSwtpm, type SoftwareTpm, startSwtpm } from "./swtpm.ts";

const WORLD = {
  fetch: (url: string, init: RequestInit): Promise<Response> => fetch(url, init),
  now: (): number => Date.now(),
};
const DOCUMENT = Uint8Array.of(4, 5, 6);

describe.skipIf(!hasSwtpm("MTM cards on workerd"))("on workerd", () => {
  let rig: LiveRig;
  let tpm: SoftwareTpm;

  beforeAll(async () => {
    rig = await createLiveRig(true);
    tpm = await startSwtpm();
  }, 60_000);
  afterAll(async () => {
    await tpm.stop();
    await rig.dispose();
  }, 60_000);

  test("a TPM is enrolled, binds, serves, and after a reset does not", async () => {
    const { url, deployment, fleet } = rig;
    const platform = { url, deployment, ...WORLD };
    const mtm = await enrolMtm(fleet, platform, tpm, CARD_ID);
    const subscriber = await fleet.addSubscriber({ operator: HOME });
    await fleet.addRule(mtm, { imsi: subscriber.imsi }, "refuse");
    const { outcome } = await bindMtm(platform, fleet, mtm, subscriber);
    expect(outcome).toMatchObject({ verdict: "SUCCESS", receipt: "delivered" });
    const signature = await mtm.card.sign(DOCUMENT);
    expect(ecdsaP256.verify(mtm.servicePublicKey, DOCUMENT, signature)).toBe(true);
    await tpm.reset();
    expect(await refusalOf(mtm.card.sign(DOCUMENT))).toContain("TPM_RC_POLICY");
  });
});
