/** A client that cheats with an MTM card: messages of other sessions, results held back. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { encodeAscii } from "#protocol/bytes";
import { ecdsaP256 } from "#edge/suites/p256";
import { decodeMtmResult, encodeMtmResult } from "#protocol/mtm-messages";
import { encodeResult } from "#protocol/messages";
import { suiteNamed } from "#protocol/suites";
import type { CardApplet } from "#terminal/card";
import { rejectionOf } from "#tests/terminal/rejection";
import { readMtmKeys } from "#terminal/mtm-enrolment";
import { createMtmCard } from "#terminal/mtm-card";
import { PlatformError } from "#terminal/platform-client";
import { createMtmBench, type MtmBench } from "./bench.ts";
import { bindMtm } from "./mtm-phone.ts";
import { refusalOf } from "./scene.ts";
import { hasSwtpm, type SoftwareTpm, startSwtpm } from "./swtpm.ts";

const DOCUMENT = encodeAscii("pay 100 to the plumber");
const SUITE = suiteNamed("P-256");
type Body = Record<string, string>;

describe.skipIf(!hasSwtpm("a hostile client of MTM cards"))("a client that cheats", () => {
  let bench: MtmBench;
  let other: SoftwareTpm;

  beforeAll(async () => {
    [bench, other] = await Promise.all([
      createMtmBench("lock", { SIMLATCH_LEASE_SECONDS: "3" }),
      startSwtpm(),
    ]);
  });
  afterAll(async () => {
    await bench.dispose();
    await other.stop();
  });

  /** Binds with requests to `step` changed on their way; the platform's code, or the verdict. */
  async function bindWith(
    step: "card" | "answer" | "receipt",
    change: (body: Body) => Body,
    card: CardApplet = bench.mtm.card,
  ): Promise<string> {
    const fetch: typeof bench.platform.fetch = (url, init) => {
      if (!url.endsWith(`/${step}`)) return bench.rig.fetch(url, init);
      const body: Body = JSON.parse(typeof init.body === "string" ? init.body : "{}");
      return bench.rig.fetch(url, { ...init, body: JSON.stringify(change(body)) });
    };
    const platform = { ...bench.platform, fetch };
    try {
      const mtm = { ...bench.mtm, card };
      const { outcome } = await bindMtm(platform, bench.fleet, mtm, bench.subscriber);
      return step === "receipt" ? outcome.receipt : outcome.verdict;
    } catch (error) {
      if (error instanceof PlatformError) return error.code;
      throw error;
    }
  }

  /** Everything that a session sent in one step. */
  async function record(step: "card" | "answer" | "receipt"): Promise<Body> {
    let seen: Body = {};
    await bindWith(step, (body) => (seen = body));
    return seen;
  }

  test("I7: a proof of another session is refused in each step", async () => {
    const first = { card: await record("card"), answer: await record("answer") };
    for (const step of ["card", "answer"] as const) {
      const old = first[step]["proof"] ?? "";
      const replay = bindWith(step, (body) => ({ ...body, proof: old }));
      expect(await replay).toBe("card_not_authenticated");
    }
    const { receipt = "" } = await record("receipt");
    const replayed = bindWith("receipt", (body) => ({ ...body, receipt }));
    expect(await replayed).toBe("card_not_authenticated");
    expect((await bench.bind()).outcome.verdict).toBe("SUCCESS");
  });

  test("the TPM's word of one step is refused in the other", async () => {
    const s2 = (await record("card"))["proof"] ?? "";
    expect(await bindWith("answer", (body) => ({ ...body, proof: s2 }))).toBe("malformed");
    const s3 = (await record("answer"))["proof"] ?? "";
    expect(await bindWith("card", (body) => ({ ...body, proof: s3 }))).toBe("malformed");
  });

  test("another TPM under the same card id is refused", async () => {
    const { deployment } = bench.platform;
    const { mtm, fleet } = bench;
    await readMtmKeys(other, mtm.cardId);
    const parts = { deployment, tenant: fleet.tenant, cardId: mtm.cardId };
    const nothing = { policyKey: new Uint8Array(65), servicePolicy: new Uint8Array(32) };
    const thief = createMtmCard({ tpm: other, ...parts, ...nothing });
    expect(await bindWith("card", (body) => body, thief)).toBe("card_not_authenticated");
  });

  test("a chip that was reset between steps 2 and 3 is refused", async () => {
    const { card } = bench.mtm;
    const reset: CardApplet = {
      ...card,
      async signAnswer(...args) {
        await bench.tpm.reset();
        return card.signAnswer(...args);
      },
    };
    expect(await bindWith("card", (body) => body, reset)).toBe("card_not_authenticated");
    expect((await bench.bind()).outcome.verdict).toBe("SUCCESS");
  });

  test("a result that is withheld leaves the old lease to its end, and is of no use after it", async () => {
    const { card, servicePublicKey } = bench.mtm;
    await bench.bind();
    let withheld: Uint8Array = new Uint8Array(0);
    const holding: CardApplet = {
      ...card,
      async deliverResult(_, result) {
        withheld = result;
        throw new Error("withheld");
      },
    };
    const stranger = await bench.fleet.addSubscriber({ operator: "46001" });
    const held = bindMtm(bench.platform, bench.fleet, { ...bench.mtm, card: holding }, stranger);
    expect(await rejectionOf(held)).toMatchObject({ message: "withheld" });
    // The platform said FAILURE and lock. The chip cannot know, and serves on to the end.
    const signature = await card.sign(DOCUMENT);
    expect(ecdsaP256.verify(servicePublicKey, DOCUMENT, signature)).toBe(true);
    await Bun.sleep(3300);
    expect(await refusalOf(card.sign(DOCUMENT))).toBe(
      "TPM2_PolicyCounterTimer TPM_RC_POLICY 0x126",
    );
    expect((await bench.bind()).outcome.verdict).toBe("FAILURE");
    const late = rejectionOf(card.deliverResult(SUITE, withheld));
    expect(await late).toMatchObject({ reason: "out_of_order" });
    await bench.fleet.admin.orderCard(bench.mtm.cardId, { order: "unlock", by: ["Ada", "Grace"] });
    expect((await bench.bind()).outcome.verdict).toBe("SUCCESS");
  });

  test("a result of another session, or one that wears the counter out, is refused before it counts", async () => {
    const { card } = bench.mtm;
    const results: Uint8Array[] = [];
    /** Binds with a card that takes what `change` makes of its result; why that was refused. */
    const refusalWith = (change: (result: Uint8Array) => Uint8Array): Promise<unknown> => {
      const cheated: CardApplet = {
        ...card,
        deliverResult(suite, result) {
          results.push(result);
          return card.deliverResult(suite, change(result));
        },
      };
      const mtm = { ...bench.mtm, card: cheated };
      return rejectionOf(bindMtm(bench.platform, bench.fleet, mtm, bench.subscriber));
    };
    expect((await bench.bind()).outcome.verdict).toBe("SUCCESS");
    const { epoch } = await card.readStatus();
    expect(await refusalWith(() => withEpoch(results[0], epoch + 2000))).toMatchObject({
      reason: "epoch_unusable",
    });
    expect(await refusalWith(() => withEpoch(results[1], epoch - 1))).toMatchObject({
      reason: "epoch_unusable",
    });
    expect(await refusalWith(() => results[0] ?? new Uint8Array(0))).toMatchObject({
      reason: "out_of_order",
    });
    expect((await card.readStatus()).epoch).toBe(epoch);
    expect((await bench.bind()).outcome.verdict).toBe("SUCCESS");
  });
});

/** The platform's result with another epoch; its proof is of the true one. */
function withEpoch(bytes: Uint8Array | undefined, epoch: number): Uint8Array {
  const decoded = decodeMtmResult(bytes ?? new Uint8Array(0));
  if (decoded === undefined) throw new Error("no result");
  const { result, authorisation } = decoded;
  return encodeMtmResult(encodeResult({ ...result, epoch }), new Uint8Array(64), authorisation);
}
