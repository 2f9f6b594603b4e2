/** Whole bindings of a TPM, with the platform in this process. */
import { afterEach, describe, expect, test } from "bun:test";
import { ecdsaP256 } from "#edge/suites/p256";
import { encodeAscii } from "#protocol/bytes";
import { connectModule } from "#tests/emulators/terminal/terminal";
import { rejectionOf } from "#tests/terminal/rejection";
import { MtmError } from "#terminal/mtm-card";
import { incrementEpoch, readClock, readEpoch } from "#terminal/tpm-commands";
import { createMtmBench, HOME, type MtmBench, TWO } from "./bench.ts";
import { random } from "#tests/platform/rig";
import { refusalOf } from "./scene.ts";
import { hasSwtpm } from "./swtpm.ts";

const NO_LEASE = { reason: "no_lease" } as const;
const DOCUMENT = encodeAscii("pay 100 to the plumber");

async function isSigned({ mtm }: MtmBench): Promise<boolean> {
  return ecdsaP256.verify(mtm.servicePublicKey, DOCUMENT, await mtm.card.sign(DOCUMENT));
}

describe.skipIf(!hasSwtpm("bindings of MTM cards"))("an MTM card on the platform", () => {
  let bench: MtmBench | undefined;

  async function open(...options: Parameters<typeof createMtmBench>): Promise<MtmBench> {
    bench = await createMtmBench(...options);
    return bench;
  }

  afterEach(async () => {
    await bench?.dispose();
    bench = undefined;
  });

  test("binds, serves several documents, and again after a renewal", async () => {
    const scene = await open();
    const { mtm } = scene;
    expect(await rejectionOf(mtm.card.sign(DOCUMENT))).toMatchObject(NO_LEASE);
    const { outcome, steps } = await scene.bind();
    expect(outcome).toMatchObject({ verdict: "SUCCESS", cardState: "serving" });
    expect(outcome.receipt).toBe("delivered");
    expect(steps.map(({ step }) => step)).toEqual([
      311, 312, 313, 314, 315, 316, 320, 321, 322, 323, 324, 325, 326, 327, 332, 333, 334,
    ]);
    expect(await isSigned(scene)).toBe(true);
    expect(await isSigned(scene)).toBe(true);
    expect((await scene.bind()).outcome.verdict).toBe("SUCCESS");
    expect(await isSigned(scene)).toBe(true);
    expect((await mtm.card.readStatus()).state.name).toBe("serving");
  });

  test("a USIM that is ahead is resynchronised: another round, another quote", async () => {
    const scene = await open();
    const device = scene.subscriber.cloneAt(4096);
    const { connect: _connect, ...rest } = scene.subscriber;
    const ahead = { ...rest, device, connect: () => connectModule(device, "USIM", random) };
    const { outcome, steps } = await scene.bind(ahead);
    expect(outcome.verdict).toBe("SUCCESS");
    expect(steps.filter(({ step }) => step === 325)).toHaveLength(2);
  });

  test("I9: a reset ends serving; the same lease replayed is refused; a new binding serves", async () => {
    const scene = await open();
    const { tpm, mtm } = scene;
    await scene.bind();
    await tpm.reset();
    expect(await refusalOf(mtm.card.sign(DOCUMENT))).toBe(
      "TPM2_PolicyCounterTimer TPM_RC_POLICY 0x126",
    );
    expect((await mtm.card.readStatus()).state.name).toBe("idle");
    expect((await scene.bind()).outcome.verdict).toBe("SUCCESS");
    expect(await isSigned(scene)).toBe(true);
  });

  test("after a loss of power the client says that the clock is not yet safe", async () => {
    const scene = await open();
    await scene.tpm.reset(false);
    const refused = scene.bind().catch((error: unknown) => error);
    expect(await refused).toMatchObject({ reason: "clock_unsafe" });
    while (!(await readClock(scene.tpm)).safe) await Bun.sleep(200);
    expect((await scene.bind()).outcome.verdict).toBe("SUCCESS");
  });

  test("the lease ends when R's seconds are over", async () => {
    const scene = await open("refuse", { SIMLATCH_LEASE_SECONDS: "2" });
    await scene.bind();
    expect(await isSigned(scene)).toBe(true);
    await Bun.sleep(2300);
    expect(await refusalOf(scene.mtm.card.sign(DOCUMENT))).toBe(
      "TPM2_PolicyCounterTimer TPM_RC_POLICY 0x126",
    );
  });

  test("I2: another SIM gets FAILURE, whose epoch command ends the lease of before", async () => {
    const scene = await open();
    const other = await scene.fleet.addSubscriber({ operator: HOME });
    await scene.bind();
    const { outcome } = await scene.bind(other);
    expect(outcome).toMatchObject({ verdict: "FAILURE", cardState: "idle", receipt: "delivered" });
    expect(await rejectionOf(scene.mtm.card.sign(DOCUMENT))).toMatchObject(NO_LEASE);
    expect((await scene.bind()).outcome.verdict).toBe("SUCCESS");
  });

  test("I2: a forged module gets FAILURE; a report on the SIM or the card ends SUCCESS", async () => {
    const scene = await open();
    const { fleet, subscriber, mtm } = scene;
    expect((await scene.bind(subscriber.forge())).outcome.verdict).toBe("FAILURE");
    expect((await scene.bind()).outcome.verdict).toBe("SUCCESS");
    const swapped = { order: "report", reason: "swapped", by: ["Ada"] } as const;
    await fleet.admin.orderSubscriber(subscriber.imsi, swapped);
    expect((await scene.bind()).outcome.verdict).toBe("FAILURE");
    await fleet.admin.orderSubscriber(subscriber.imsi, { order: "clear", by: TWO });
    expect((await scene.bind()).outcome.verdict).toBe("SUCCESS");
    const lost = { order: "report", reason: "lost", by: ["Ada"] } as const;
    await fleet.admin.orderCard(mtm.cardId, lost);
    expect((await scene.bind()).outcome.verdict).toBe("FAILURE");
  });

  test("I8: lock means no further lease, whatever the SIM, until two people lift it", async () => {
    const scene = await open("lock");
    const { fleet, mtm } = scene;
    await scene.bind();
    const other = await fleet.addSubscriber({ operator: HOME });
    expect((await scene.bind(other)).outcome).toMatchObject({ verdict: "FAILURE" });
    expect(await rejectionOf(mtm.card.sign(DOCUMENT))).toMatchObject(NO_LEASE);
    expect((await scene.bind()).outcome.verdict).toBe("FAILURE");
    await scene.tpm.reset();
    expect((await scene.bind()).outcome.verdict).toBe("FAILURE");
    await fleet.admin.orderCard(mtm.cardId, { order: "unlock", by: TWO });
    expect((await scene.bind()).outcome.verdict).toBe("SUCCESS");
    expect(await isSigned(scene)).toBe(true);
  });

  test("whoever raises the counter ends the lease and no more: the next binding serves", async () => {
    const scene = await open();
    await scene.bind();
    await incrementEpoch(scene.tpm);
    await incrementEpoch(scene.tpm);
    expect(await refusalOf(scene.mtm.card.sign(DOCUMENT))).toBe(
      "TPM2_PolicyNV TPM_RC_POLICY 0x126",
    );
    expect((await scene.bind()).outcome.verdict).toBe("SUCCESS");
    expect(await isSigned(scene)).toBe(true);
  });

  test("commands that a TPM has not are refused by name", async () => {
    const { card } = (await open()).mtm;
    const refused = [card.readCertificate(), card.encipher(DOCUMENT), card.sealAnswer(DOCUMENT)];
    for (const work of refused) {
      const error: unknown = await work.catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(MtmError);
      expect(error).toMatchObject({ reason: "not_supported", code: "refused" });
    }
  });

  test("nothing stays in the chip's slots, and the epochs of both sides agree", async () => {
    const scene = await open();
    await scene.bind();
    await isSigned(scene);
    expect(BigInt((await scene.mtm.card.readStatus()).epoch)).toBe(await readEpoch(scene.tpm));
    const objects = await scene.tpm.tool("tpm2_getcap", "handles-transient");
    const sessions = await scene.tpm.tool("tpm2_getcap", "handles-loaded-session");
    expect(objects + sessions).toBe("");
  });
});
