/** A whole binding of a TPM with the platform in workerd, as the edge runs it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEdge } from "#cli/edge-host";
import { ecdsaP256 } from "#edge/suites/p256";
import { encodeBase64Url, encodeHex } from "#protocol/bytes";
import { createFleet } from "#tests/fleet/fleet";
import { random } from "#tests/platform/rig";
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
  const deployment = random(16);
  const adminKey = encodeBase64Url(random(32));
  let folder = "";
  let edge: Awaited<ReturnType<typeof startEdge>>;
  let tpm: SoftwareTpm;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "simlatch-mtm-"));
    const environment = {
      SIMLATCH_MASTER_KEY: encodeBase64Url(random(32)),
      SIMLATCH_DEPLOYMENT: encodeHex(deployment),
      SIMLATCH_ADMIN_KEY: adminKey,
    };
    edge = await startEdge({ environment, folder, port: 0, writeLine: () => undefined });
    tpm = await startSwtpm();
  }, 60_000);
  afterAll(async () => {
    await tpm.stop();
    await edge.stop();
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  test("a TPM is enrolled, binds, serves, and after a reset does not", async () => {
    const world = { deployment, ...WORLD };
    const fleet = await createFleet({ ...world, platformUrl: edge.url, adminKey, random });
    const platform = { ...world, url: edge.url };
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
