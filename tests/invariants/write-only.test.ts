/** Keys are write-only (I13): what was wrapped comes back through no route of /v1/admin. */
import { afterEach, expect, test } from "bun:test";
import type { Dependencies } from "#edge/dependencies";
import { checkEnrolment } from "#edge/enrolment";
import { createAdminRoutes } from "#edge/routes/admin";
import { ADMIN_KEY, createRig, type Rig } from "#tests/platform/rig";
import { createFleet, type Fleet } from "#tests/fleet/fleet";
import { HOME } from "./bench.ts";
import { formsOf } from "./forms.ts";

let rig: Rig | undefined;
afterEach(async () => {
  await rig?.dispose();
  rig = undefined;
});

interface Wrapped {
  readonly purpose: string;
  readonly secret: Uint8Array;
  /** As it rests in the database. */
  readonly wrapped: Uint8Array;
}

/** Remembers, in copies, all that is wrapped. */
function watchWrapping(seen: Wrapped[]) {
  return (dependencies: Dependencies): Dependencies => ({
    ...dependencies,
    vault: {
      ...dependencies.vault,
      wrap(purpose, context, secret) {
        const wrapped = dependencies.vault.wrap(purpose, context, secret);
        seen.push({ purpose, secret: secret.slice(), wrapped });
        return wrapped;
      },
    },
  });
}

/** Kinds of subscribers and cards that between them have every key there is. */
async function enrolEverything(fleet: Fleet) {
  const kinds = ["USIM/Milenage", "USIM/TUAK", "SIM", "SIM/Milenage", "UIM", "UIM/CHAP"] as const;
  const subscribers = [];
  for (const kind of kinds) subscribers.push(await fleet.addSubscriber({ operator: HOME, kind }));
  const cards = [];
  for (const suite of ["P-256", "AES", "SM4"] as const)
    cards.push(await fleet.addCard({ suite, modes: ["encrypted"] }));
  for (const card of cards) {
    for (const { imsi } of subscribers) await fleet.addRule(card, { imsi }, "refuse");
  }
  return { subscribers, cards };
}

test("I13: what was wrapped is in no answer of the administration, whichever route is asked", async () => {
  const seen: Wrapped[] = [];
  rig = await createRig({
    wrap: watchWrapping(seen),
    environment: { SIMLATCH_CHALLENGES_PER_CARD_HOUR: "100", SIMLATCH_IMSIS_PER_CARD_HOUR: "100" },
  });
  const at = rig;
  const answers: string[] = [];
  const send = async (url: string, init: RequestInit): Promise<Response> => {
    const answer = await at.fetch(url, init);
    if (url.includes("/v1/admin/")) answers.push(await answer.clone().text());
    return answer;
  };
  const fleet = await createFleet({ ...at.fleetOptions, fetch: send });
  const { subscribers, cards } = await enrolEverything(fleet);
  for (const [i, card] of cards.entries()) {
    const subscriber = subscribers[i];
    if (subscriber === undefined) throw new Error("more cards than subscribers");
    const phone = await fleet.assemblePhone(card, subscriber);
    expect((await phone.bind()).outcome.verdict).toBe("SUCCESS");
  }
  await at.host.recover();
  const [card] = cards;
  const [subscriber] = subscribers;
  if (card === undefined || subscriber === undefined) throw new Error("nothing was enrolled");

  /** How each GET route is asked for everything that it can show. */
  const paths: Readonly<Record<string, readonly string[]>> = {
    "/cards": ["/cards"],
    "/cards/:cardId": cards.map(({ cardId }) => `/cards/${cardId}`),
    "/subscribers": ["/subscribers"],
    "/subscribers/:imsi/profile": subscribers.map(({ imsi }) => `/subscribers/${imsi}/profile`),
    "/subscribers/:imsi": subscribers.map(({ imsi }) => `/subscribers/${imsi}`),
    "/rule-set": ["/rule-set"],
    "/rules": ["/rules", "/rules?version=draft"],
    "/audit": cards.map(({ cardId }) => `/audit?card=${cardId}`),
  };
  const { routes } = createAdminRoutes(at.dependencies, ADMIN_KEY, at.host);
  const getRoutes = new Set(
    routes.filter(({ method }) => method === "GET").map(({ path }) => path),
  );
  expect([...getRoutes].toSorted()).toEqual(Object.keys(paths).toSorted());
  const headers = { authorization: `Bearer ${ADMIN_KEY}`, "content-type": "application/json" };
  for (const path of Object.values(paths).flat()) {
    const answer = await send(`http://rig.test/v1/admin${path}`, { method: "GET", headers });
    expect(answer.status).toBe(200);
  }
  const init = { method: "POST", headers, body: "{}" };
  expect((await send("http://rig.test/v1/admin/rewrap", init)).status).toBe(200);

  const everything = Buffer.from(answers.join("\n"));
  const purposes = new Set(seen.map(({ purpose }) => purpose));
  for (const purpose of ["k", "opc", "ssd", "card key", "platform-key", "concealment-key", "xres"])
    expect(purposes).toContain(purpose);
  // What a rule names is no key: an operator reads its own rules.
  const keys = seen.filter(
    ({ purpose }) => purpose !== "rule identities" && purpose !== "rewrap cursor",
  );
  const shown = keys.filter(({ secret, wrapped }) =>
    [...formsOf(secret), ...formsOf(wrapped)].some((form) => everything.includes(form)),
  );
  expect(shown.map(({ purpose }) => purpose)).toEqual([]);
  // The search works: what is public is found.
  expect(everything.includes(Buffer.from(card.servicePublicKey).toString("base64url"))).toBe(true);
  expect(everything.includes(Buffer.from(subscriber.imsi))).toBe(true);
});

test("I13: a shared key does not outlive its enrolment, however that ends", async () => {
  rig = await createRig();
  const key = new Uint8Array(16).fill(7);
  const nothing = new Uint8Array(16);
  const card = { tenant: "default", cardId: "00112233445566AA", kind: "TF", suite: "AES" } as const;
  const proof = { servicePublicKey: nothing, challenge: nothing, token: nothing, proof: nothing };
  const input = { ...card, ...proof, key, keyVersion: 1 };
  expect(await checkEnrolment(rig.dependencies, input)).toMatchObject({ reason: "token_invalid" });
  expect(key).toEqual(new Uint8Array(16));
});
