/** M3, M13: whole bindings on vectors of a running osmo-hlr, with the platform on Bun. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createGsupClient } from "#edge/access-authentication/authentication-centre/gsup/client";
import { bunTcp } from "#edge/tcp-bun";
import { bindOnce, expectVerdict, makePair } from "./bindings.ts";
import { hasOsmoHlr, type OsmoHlr, startOsmoHlr } from "./osmo-hlr.ts";
import { createLiveRig, GENEROUS, type LiveRig } from "#tests/platform/live-rig";

describe.skipIf(!hasOsmoHlr("bindings on a real HLR"))("gsup: Bun and osmo-hlr", () => {
  let hlr: OsmoHlr;
  let platform: LiveRig;

  /** A line of the log that was not there before. */
  async function untilLogged(reason: string): Promise<void> {
    const start = platform.log.length;
    while (!platform.log.slice(start).join("").includes(reason)) await Bun.sleep(20);
  }

  beforeAll(async () => {
    hlr = await startOsmoHlr();
    platform = await createLiveRig(false, {
      SIMLATCH_GSUP_CENTRES: "hlr",
      SIMLATCH_GSUP_HLR_ADDRESS: hlr.address,
      ...GENEROUS,
    });
  }, 60_000);
  afterAll(async () => {
    await platform.dispose();
    await hlr.dispose();
  }, 60_000);

  test("a USIM binds, six times on two queries, and the HLR knows us by our name", async () => {
    const { subscriber, bind } = await makePair(platform.fleet, hlr);
    for (let i = 0; i < 6; i++) await expectVerdict(bind(), "SUCCESS");
    expect(hlr.seqOf(subscriber.imsi)).toBe(10);
    expect(hlr.names()).toEqual(["simlatch-0"]);
  });

  test.each(["SIM", "SIM/COMP128-1"] as const)("%s: two triplets a binding", async (kind) => {
    const { card, bind, subscriber } = await makePair(platform.fleet, hlr, { kind });
    if (kind === "SIM/COMP128-1") {
      // Broken, so never enough unless a rule says so.
      await expectVerdict(bind(), "FAILURE");
      const condition = { imsi: subscriber.imsi };
      await platform.fleet.admin.putRule("weak", {
        target: { card: card.cardId },
        condition,
        onMismatch: "refuse",
        minimumStrength: "COMP128-1",
      });
      await platform.fleet.admin.activateRules({});
    }
    for (let i = 0; i < 3; i++) await expectVerdict(bind(), "SUCCESS");
  });

  test("I5: AUTS of a USIM that is ahead resynchronises the HLR inside the binding", async () => {
    const { subscriber, bind } = await makePair(platform.fleet, hlr, { seqMs: 5000 });
    await expectVerdict(bind(), "SUCCESS");
    expect(hlr.seqOf(subscriber.imsi)).toBe(5005);
    await expectVerdict(bind(), "SUCCESS");
  });

  test("M5: in encrypted mode, AUTS included", async () => {
    const { card, bind } = await makePair(platform.fleet, hlr, {
      modes: ["encrypted"],
      seqMs: 300,
    });
    expect(card.mode).toBe("encrypted");
    for (let i = 0; i < 2; i++) await expectVerdict(bind(), "SUCCESS");
  });

  test("the HLR restarts between two bindings, and nobody notices", async () => {
    const { bind } = await makePair(platform.fleet, hlr, { kind: "SIM" });
    await expectVerdict(bind(), "SUCCESS");
    await hlr.halt();
    await hlr.resume();
    // One more binding on the triplets of before; then the HLR must be asked again.
    for (let i = 0; i < 3; i++) await expectVerdict(bind(), "SUCCESS");
  });

  test("the HLR is gone when a binding begins: the same session goes on when it is back", async () => {
    const { bind } = await makePair(platform.fleet, hlr);
    await hlr.halt();
    const bound = bind();
    await untilLogged("centre_unreachable");
    await hlr.resume();
    await expectVerdict(bound, "SUCCESS");
  }, 30_000);

  test("I5: the HLR restarts under AUTS, and the same answer ends in its resynchronisation", async () => {
    const { card, subscriber } = await makePair(platform.fleet, hlr, { seqMs: 7000 });
    const seen: string[] = [];
    const phone = await platform.fleet.assemblePhone(card, subscriber, {
      async http(request, next) {
        const step = request.url.split("/").at(-1) ?? "";
        if (step === "answer" && !seen.includes(step)) await hlr.halt();
        const answer = await next(request);
        seen.push(step);
        if (answer.status === 503) await hlr.resume();
        return answer;
      },
    });
    await expectVerdict(
      phone.bind().then(({ outcome }) => outcome),
      "SUCCESS",
    );
    // AUTS, the same AUTS again, and the answer to the challenge after it.
    expect(seen.filter((step) => step === "answer").length).toBe(3);
    expect(hlr.seqOf(subscriber.imsi)).toBe(7005);
  }, 30_000);

  test("a module with another K, and a subscriber that the HLR has lost", async () => {
    const { card, subscriber, bind } = await makePair(platform.fleet, hlr);
    await expectVerdict(bindOnce(platform.fleet, card, subscriber.forge()), "FAILURE");
    await expectVerdict(bind(), "SUCCESS");
    const lost = await makePair(platform.fleet, hlr);
    hlr.forget(lost.subscriber.imsi);
    await expectVerdict(lost.bind(), "FAILURE");
    const events = await platform.fleet.admin.getAudit({ card: lost.card.cardId });
    expect(events.map(({ reason }) => reason).join(" ")).toContain("imsi_unknown_at_centre");
  });

  test("I11: a barred subscriber's vectors are gone, and the HLR is not asked", async () => {
    const { subscriber, bind } = await makePair(platform.fleet, hlr);
    await expectVerdict(bind(), "SUCCESS");
    const before = hlr.seqOf(subscriber.imsi);
    const { imsi } = subscriber;
    await platform.fleet.admin.setSubscriberStatus(imsi, { status: "barred" });
    await expectVerdict(bind(), "FAILURE");
    expect(hlr.seqOf(imsi)).toBe(before);
    await platform.fleet.admin.setSubscriberStatus(imsi, { status: "active" });
    await expectVerdict(bind(), "SUCCESS");
    expect(hlr.seqOf(imsi)).toBeGreaterThan(before);
  });

  test("a name that another connection holds gets no answers until that one is gone", async () => {
    const { subscriber } = await makePair(platform.fleet, hlr);
    const query = { imsi: subscriber.imsi, count: 5 };
    const tools = { clock: Date.now, sleep: Bun.sleep, log: () => undefined };
    const tcp = bunTcp({ hostname: hlr.hostname, port: 4222 });
    const [first, second] = [
      createGsupClient(tools, tcp, "twin"),
      createGsupClient(tools, tcp, "twin"),
    ];
    expect((await first.fetchVectors(query)).ok).toBe(true);
    expect(await second.fetchVectors(query)).toEqual({ ok: false, reason: "centre_silent" });
    expect((await first.fetchVectors(query)).ok).toBe(true);
    first.close();
    await Bun.sleep(300);
    expect((await second.fetchVectors(query)).ok).toBe(true);
    second.close();
  }, 20_000);

  test("a frozen HLR: 503 within seconds, and the same session when it answers again", async () => {
    const { bind } = await makePair(platform.fleet, hlr);
    hlr.freeze();
    const asked = Date.now();
    const bound = bind();
    await untilLogged("centre_silent");
    expect(Date.now() - asked).toBeLessThan(5000);
    hlr.thaw();
    await expectVerdict(bound, "SUCCESS");
  }, 30_000);
});
