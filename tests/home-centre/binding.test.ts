/**
 * M3, M13: whole bindings at a point of presence that has no keys: another platform, the home one,
 * is their authentication centre, and each runs in the other runtime.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { encodeBase64Url } from "#protocol/bytes";
import { expectVerdict } from "#tests/gsup/bindings";
import type { KeyHolder } from "#tests/fleet/fleet";
import type { SubscriberKind } from "#tests/fleet/modules";
import { createLiveRig, GENEROUS, type LiveRig } from "#tests/platform/live-rig";
import { random } from "#tests/platform/rig";

const NAME = "edge-fra";
const HOME_OPERATOR = "46001";

describe.each([
  ["Bun", "workerd"],
  ["workerd", "Bun"],
] as const)("home: keys at a platform on %s, bindings on %s", (homeRuntime, edgeRuntime) => {
  let home: LiveRig;
  let edge: LiveRig;
  let centre: KeyHolder;

  beforeAll(async () => {
    const key = encodeBase64Url(random(32));
    home = await createLiveRig(homeRuntime === "workerd", {
      ...GENEROUS,
      SIMLATCH_SLOTS: "2",
      SIMLATCH_CENTRE_CALLERS: `${NAME}:${key}:1`,
    });
    edge = await createLiveRig(edgeRuntime === "workerd", {
      ...GENEROUS,
      SIMLATCH_GSUP_CENTRES: "home",
      SIMLATCH_GSUP_HOME_PEER_NAME: NAME,
      SIMLATCH_GSUP_HOME_RELAY: home.url,
      SIMLATCH_GSUP_HOME_RELAY_KEY: key,
    });
    centre = {
      name: "home",
      async provision(imsi, keys) {
        const { admin, tenant } = home.fleet;
        await admin.createSubscriber({ tenant, imsi, mncLength: 2, ...keys });
      },
    };
  }, 60_000);
  afterAll(async () => {
    await edge.dispose();
    await home.dispose();
  }, 60_000);

  async function makePair(kind: SubscriberKind = "USIM/Milenage", seqMs = 0) {
    const card = await edge.fleet.addCard();
    const subscriber = await edge.fleet.addSubscriber({
      operator: HOME_OPERATOR,
      kind,
      seqMs,
      centre,
    });
    await edge.fleet.addRule(card, { imsi: subscriber.imsi }, "lock");
    const bind = async (module = subscriber) => {
      const phone = await edge.fleet.assemblePhone(card, module);
      return (await phone.bind()).outcome;
    };
    return { card, subscriber, bind };
  }
  const auditOf = async (cardId: string): Promise<string> => {
    const events = await edge.fleet.admin.getAudit({ card: cardId });
    return events.map(({ reason }) => reason).join(" ");
  };

  test.each(["USIM/Milenage", "USIM/TUAK", "SIM", "SIM/Milenage"] as const)(
    "%s binds, on the vectors that wait and on new ones",
    async (kind) => {
      const { bind } = await makePair(kind);
      for (let i = 0; i < 6; i++) await expectVerdict(bind(), "SUCCESS");
    },
    60_000,
  );

  test("I5: AUTS of a USIM that is ahead is the home platform's to answer", async () => {
    const { bind } = await makePair("USIM/Milenage", 5000);
    for (let i = 0; i < 2; i++) await expectVerdict(bind(), "SUCCESS");
  }, 60_000);

  test("a module with other keys gets FAILURE", async () => {
    const { subscriber, bind } = await makePair();
    await expectVerdict(bind(subscriber.forge()), "FAILURE");
    await expectVerdict(bind(), "SUCCESS");
  }, 60_000);

  test("I11: barred at home: no new vectors, FAILURE, and no lock; active again, it binds", async () => {
    const { card, subscriber, bind } = await makePair();
    const { imsi } = subscriber;
    await home.fleet.admin.setSubscriberStatus(imsi, { status: "barred" });
    await expectVerdict(bind(), "FAILURE");
    expect(await auditOf(card.cardId)).toContain("imsi_refused_by_centre");
    expect(home.log.join("\n")).toContain("imsi_barred");
    expect(home.log.join("\n")).not.toContain(imsi);
    await home.fleet.admin.setSubscriberStatus(imsi, { status: "active" });
    await expectVerdict(bind(), "SUCCESS");
  }, 60_000);

  test("a subscriber that home does not have is unknown at the centre", async () => {
    const { fleet } = edge;
    const [card, lost] = [
      await fleet.addCard(),
      await fleet.addSubscriber({
        operator: HOME_OPERATOR,
        centre: { name: "home", provision: () => undefined },
      }),
    ];
    await fleet.addRule(card, { imsi: lost.imsi }, "lock");
    const phone = await fleet.assemblePhone(card, lost);
    await expectVerdict(
      phone.bind().then(({ outcome }) => outcome),
      "FAILURE",
    );
    expect(await auditOf(card.cardId)).toContain("imsi_unknown_at_centre");
  }, 60_000);
});
