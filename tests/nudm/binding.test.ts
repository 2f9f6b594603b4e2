/**
 * Whole bindings of USIMs whose keys a UDM has: the platform as it is started, on Bun over HTTP/2
 * and in workerd over HTTP/1.1, configured by its environment alone.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { bind, type BindingOutcome } from "#terminal/bind";
import { createCardApplet } from "#terminal/card";
import { createPlatformClient } from "#terminal/platform-client";
import { createResStarModule } from "#terminal/res-star";
import { connectCard, type Fleet, type FleetCard, type FleetSubscriber } from "#tests/fleet/fleet";
import { listen, type Peer } from "#tests/emulators/udm/listen";
import { createUdm, type Udm } from "#tests/emulators/udm/udm";
import type { UdmSubscriber } from "#tests/emulators/udm/vectors";
import { createLiveRig, eventsOf, GENEROUS, type LiveRig } from "#tests/platform/live-rig";
import { CLIENT, INSTANCE, NETWORK } from "./scene.ts";

const HOSTS = [
  { edge: false, protocol: "h2c" },
  { edge: true, protocol: "http/1.1" },
] as const;

const METHODS = { aka5g: "5G_AKA", prime: "EAP_AKA_PRIME", hss: "UMTS_AKA" } as const;
type CentreName = keyof typeof METHODS;

describe.each(HOSTS)("edge $edge, $protocol", ({ edge, protocol }) => {
  const subscribers = new Map<string, UdmSubscriber>();
  let peers: Record<CentreName, { readonly udm: Udm; readonly peer: Peer }>;
  let platform: LiveRig;
  let fleet: Fleet;
  let card: FleetCard;

  async function startUdm(name: CentreName) {
    const method = METHODS[name];
    const udm = createUdm({
      subscribers,
      authType: method === "5G_AKA" ? "5G_AKA" : "EAP_AKA_PRIME",
      servingNetworks: [NETWORK],
      oauth: { instanceId: INSTANCE, client: CLIENT, expiresIn: 3600 },
    });
    return { udm, peer: await listen(protocol, udm.handle) };
  }

  function describeCentre(name: CentreName): Record<string, string> {
    const { url } = peers[name].peer;
    const variables = {
      URL: url,
      METHOD: METHODS[name],
      SERVING_NETWORK: NETWORK,
      INSTANCE_ID: INSTANCE,
      TIMEOUT_MS: "500",
      TOKEN_URL: `${url}/oauth2/token`,
      CLIENT_ID: CLIENT.id,
      CLIENT_SECRET: CLIENT.secret,
    };
    const prefix = `SIMLATCH_NUDM_${name.toUpperCase()}_`;
    return Object.fromEntries(
      Object.entries(variables).map(([member, value]) => [`${prefix}${member}`, value]),
    );
  }

  beforeAll(async () => {
    peers = {
      aka5g: await startUdm("aka5g"),
      prime: await startUdm("prime"),
      hss: await startUdm("hss"),
    };
    platform = await createLiveRig(edge, {
      ...GENEROUS,
      SIMLATCH_NUDM_CENTRES: "aka5g,prime,hss",
      ...describeCentre("aka5g"),
      ...describeCentre("prime"),
      ...describeCentre("hss"),
    });
    ({ fleet } = platform);
    card = await fleet.addCard();
  }, 60_000);
  afterAll(async () => {
    await platform.dispose();
    for (const { peer } of Object.values(peers)) await peer.stop();
  }, 60_000);

  async function addSubscriber(centre: CentreName, seqMs = 0): Promise<FleetSubscriber> {
    const subscriber = await fleet.addSubscriber({
      operator: "46001",
      seqMs,
      centre: {
        name: centre,
        provision(imsi, { k = "", opc = "" }) {
          const keys = { k: Uint8Array.fromHex(k), opc: Uint8Array.fromHex(opc) };
          subscribers.set(imsi, { ...keys, sqn: 0n });
        },
      },
    });
    await fleet.addRule(card, { imsi: subscriber.imsi }, "lock");
    return subscriber;
  }

  async function run(
    subscriber: FleetSubscriber,
    options: { readonly star?: boolean; readonly tag?: boolean } = {},
  ): Promise<BindingOutcome> {
    const applet = createCardApplet(connectCard(card));
    await applet.select();
    const module = subscriber.connect();
    return bind({
      platform: createPlatformClient({
        baseUrl: platform.url,
        fetch: (url, init) => fetch(url, init),
        sleep: async () => undefined,
      }),
      card: applet,
      module: options.star === true ? createResStarModule(module, NETWORK) : module,
      cardId: card.cardId,
      tenant: fleet.tenant,
      modes: ["signed"],
      confirmationTag: options.tag === true,
      now: () => Date.now(),
    });
  }

  const reasonOf = async ({ sid }: BindingOutcome, type: string): Promise<string | undefined> =>
    (await eventsOf(fleet, sid, type)).at(-1);

  test("EAP_AKA_PRIME binds by RES, and the UDM is told whose proof it was", async () => {
    const subscriber = await addSubscriber("prime");
    const outcome = await run(subscriber);
    expect(outcome).toMatchObject({ verdict: "SUCCESS", receipt: "delivered" });
    expect(await reasonOf(outcome, "decided")).toEndWith(" USIM");
    expect(await reasonOf(outcome, "centre_told")).toBe("done");
    expect(peers.prime.udm.authEvents).toMatchObject([
      { supi: `imsi-${subscriber.imsi}`, success: true, authType: "EAP_AKA_PRIME" },
    ]);
  });

  test("a tag beside such a proof cannot be checked, and counts for nothing", async () => {
    const subscriber = await addSubscriber("prime");
    const outcome = await run(subscriber, { tag: true });
    expect(outcome).toMatchObject({ verdict: "FAILURE" });
    expect(await reasonOf(outcome, "decided")).toContain("tag_unverifiable");
  });

  test("5G_AKA binds by RES*, not by RES", async () => {
    const subscriber = await addSubscriber("aka5g");
    const byRes = await run(subscriber);
    expect(byRes).toMatchObject({ verdict: "FAILURE", cardState: "idle" });
    expect(await reasonOf(byRes, "decided")).toContain("response_mismatch");
    expect(peers.aka5g.udm.authEvents).toEqual([]);
    const byResStar = await run(subscriber, { star: true, tag: true });
    expect(byResStar).toMatchObject({ verdict: "SUCCESS" });
    expect(await reasonOf(byResStar, "decided")).toEndWith(" USIM");
  });

  test("generate-av binds with the tag, and five vectors serve five bindings", async () => {
    const subscriber = await addSubscriber("hss");
    for (let i = 0; i < 5; i++) {
      const outcome = await run(subscriber, { tag: true });
      expect(outcome).toMatchObject({ verdict: "SUCCESS" });
      expect(await reasonOf(outcome, "decided")).toEndWith(" USIM with tag");
    }
    const asked = peers.hss.udm.asked.filter((path) => path.includes(subscriber.imsi));
    expect(asked).toEqual([
      `/nudm-ueau/v1/imsi-${subscriber.imsi}/hss-security-information/umts-aka/generate-av`,
    ]);
  });

  test.each(["prime", "hss"] as const)("%s: a USIM that is ahead resynchronises", async (name) => {
    const subscriber = await addSubscriber(name, 70_000);
    const outcome = await run(subscriber);
    expect(outcome).toMatchObject({ verdict: "SUCCESS" });
    expect(await eventsOf(fleet, outcome.sid, "resynchronised")).toHaveLength(1);
    expect(await run(subscriber)).toMatchObject({ verdict: "SUCCESS" });
  });

  test("a subscriber whom the UDM does not know is refused and does not lock", async () => {
    const subscriber = await addSubscriber("prime");
    subscribers.delete(subscriber.imsi);
    const outcome = await run(subscriber);
    expect(outcome).toMatchObject({ verdict: "FAILURE", cardState: "idle" });
    expect(await reasonOf(outcome, "decided")).toContain("imsi_unknown_at_centre");
  });

  test("a UDM that is silent delays: 503, nothing is decided, and the next binding is good", async () => {
    const subscriber = await addSubscriber("prime");
    const before = await run(subscriber);
    peers.prime.peer.plan(...Array.from({ length: 12 }, () => ({ kind: "silence" }) as const));
    const error = await run(subscriber).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "unavailable" });
    expect(platform.log.join("\n")).toContain(
      '"event":"nudm_failed","centre":"prime","reason":"timed_out"',
    );
    peers.prime.peer.heal();
    const outcome = await run(subscriber);
    expect(outcome).toMatchObject({ verdict: "SUCCESS" });
    await eventsOf(fleet, outcome.sid, "decided");
    const audit = await fleet.admin.getAudit({ card: card.cardId });
    const decided = audit.filter(({ type }) => type === "decided").map(({ session }) => session);
    expect(decided.slice(-2)).toEqual([before.sid, outcome.sid]);
  }, 60_000);

  test("what the UDM did not want to hear is an event, and nobody's FAILURE", async () => {
    const subscriber = await addSubscriber("prime");
    peers.prime.peer.plan(undefined, { kind: "reply", status: 500, body: "" });
    const outcome = await run(subscriber);
    expect(outcome).toMatchObject({ verdict: "SUCCESS" });
    expect(await reasonOf(outcome, "centre_told")).toBe("centre_failed");
  });

  test("no request and no answer contradicted the schema; no IMSI, key or secret is in the log", () => {
    for (const { udm } of Object.values(peers)) expect(udm.violations).toEqual([]);
    const log = platform.log.join("\n");
    expect(log).toContain("nudm_failed");
    expect(log).not.toContain(CLIENT.secret);
    for (const [imsi, { k }] of subscribers) {
      expect(log).not.toContain(imsi);
      expect(log).not.toContain(k.toHex());
    }
  });
});
