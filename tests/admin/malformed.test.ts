/** Every route with a body: what protocol/admin.ts does not say is refused and leaves no trace. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";

import { encodeBase64Url } from "#protocol/bytes";

import {
  ADMIN_KEY,
  CARD_ID,
  createKey,
  IMSI,
  K,
  makeEnrolment,
  OPC,
  openTenant,
  type Platform,
  signCredential,
  tenantSettings,
} from "./platform.ts";
import { expectRefusal, MARKER } from "./refusal.ts";

const BODY_BYTES_MAX = 16_384;

interface RouteCase {
  readonly name: string;
  readonly method: "POST" | "PUT";
  readonly path: string;
  /** Accepted, so that each refusal is due to the one change made to it. */
  makeBody(platform: Platform): Promise<Readonly<Record<string, unknown>>>;
  readonly status: number;
  readonly optional?: readonly string[];
  /** Byte strings whose length is not fixed by their shape. */
  readonly anyLength?: readonly string[];
  /** Lists of one name, which may be any text. */
  readonly names?: readonly string[];
}

const fixed = (body: Readonly<Record<string, unknown>>) => async () => body;

const CASES: readonly RouteCase[] = [
  {
    name: "tenant",
    method: "PUT",
    path: "/tenants/new",
    makeBody: fixed({ ...tenantSettings() }),
    status: 204,
  },
  {
    name: "platform key",
    method: "POST",
    path: "/platform-keys",
    makeBody: fixed({ tenant: "default", suite: "P-256" }),
    status: 201,
  },
  {
    name: "platform key activation",
    method: "PUT",
    path: "/platform-keys/1",
    makeBody: async (platform) => ({ ...signCredential(await createKey(platform)) }),
    status: 204,
  },
  {
    name: "floor",
    method: "PUT",
    path: "/floor",
    async makeBody(platform) {
      await platform.call("PUT", "/platform-keys/1", signCredential(await createKey(platform)));
      return { tenant: "default", suite: "P-256", floor: 1 };
    },
    status: 204,
  },
  {
    name: "enrolment challenge",
    method: "POST",
    path: "/enrolments",
    makeBody: fixed({ tenant: "default", cardId: CARD_ID }),
    status: 201,
  },
  {
    name: "card",
    method: "POST",
    path: "/cards",
    makeBody: async (platform) => ({ ...(await makeEnrolment(platform)) }),
    status: 201,
    anyLength: ["token"],
  },
  {
    name: "card status",
    method: "PUT",
    path: `/cards/${CARD_ID}/status`,
    async makeBody(platform) {
      await platform.call("POST", "/cards", await makeEnrolment(platform));
      return { tenant: "default", status: "revoked" };
    },
    status: 204,
  },
  {
    name: "card order of one person",
    method: "POST",
    path: `/cards/${CARD_ID}/orders`,
    async makeBody(platform) {
      await platform.call("POST", "/cards", await makeEnrolment(platform));
      return { tenant: "default", order: "report", reason: "lost", by: ["Ada"] };
    },
    status: 204,
    names: ["by"],
  },
  {
    name: "card order of two",
    method: "POST",
    path: `/cards/${CARD_ID}/orders`,
    async makeBody(platform) {
      await platform.call("POST", "/cards", await makeEnrolment(platform));
      return { tenant: "default", order: "clear", by: ["Ada", "Grace"] };
    },
    status: 204,
  },
  {
    name: "revocation",
    method: "POST",
    path: "/revocations",
    makeBody: fixed({ tenant: "default", fingerprint: "ab".repeat(32) }),
    status: 204,
  },
  {
    name: "subscriber",
    method: "POST",
    path: "/subscribers",
    makeBody: fixed({
      tenant: "default",
      imsi: IMSI,
      mncLength: 2,
      k: K,
      opc: OPC,
      amf: "0000",
      indBits: 5,
    }),
    status: 201,
    optional: ["amf", "indBits"],
  },
  {
    name: "subscriber status",
    method: "PUT",
    path: `/subscribers/${IMSI}/status`,
    async makeBody(platform) {
      await platform.call("POST", "/subscribers", { imsi: IMSI, mncLength: 2, k: K, opc: OPC });
      return { tenant: "default", status: "barred" };
    },
    status: 204,
  },
  {
    name: "subscriber order of one person",
    method: "POST",
    path: `/subscribers/${IMSI}/orders`,
    async makeBody(platform) {
      await platform.call("POST", "/subscribers", { imsi: IMSI, mncLength: 2, k: K, opc: OPC });
      return { tenant: "default", order: "report", reason: "swapped", by: ["Ada"] };
    },
    status: 204,
    names: ["by"],
  },
  {
    name: "subscriber order of two",
    method: "POST",
    path: `/subscribers/${IMSI}/orders`,
    async makeBody(platform) {
      await platform.call("POST", "/subscribers", { imsi: IMSI, mncLength: 2, k: K, opc: OPC });
      return { tenant: "default", order: "clear", by: ["Ada", "Grace"] };
    },
    status: 204,
  },
  {
    name: "step of the re-wrap job",
    method: "POST",
    path: "/rewrap",
    makeBody: fixed({ slots: 1 }),
    status: 200,
    optional: ["slots"],
  },
  {
    name: "rule",
    method: "PUT",
    path: "/rules/one",
    makeBody: fixed({
      tenant: "default",
      target: { all: true },
      condition: { imsi: IMSI },
      onMismatch: "lock",
    }),
    status: 204,
  },
];

const WRONG_VALUES: readonly unknown[] = [
  null,
  true,
  -1,
  1e300,
  [],
  {},
  "",
  MARKER,
  `${MARKER}"<>\u0000\u202e`,
  [MARKER],
  { [MARKER]: MARKER },
  "__proto__",
];

const chunked = (whole: string) => new Blob([whole.slice(0, 9000), whole.slice(9000)]).stream();

describe.each([...CASES])("$name", (route) => {
  const { method, path, optional = [], anyLength = [], names = [] } = route;
  let platform: Platform;
  let body: Readonly<Record<string, unknown>>;

  beforeAll(async () => {
    platform = await openTenant();
    body = await route.makeBody(platform);
  });
  afterAll(() => platform.close());

  const send = async (raw: RequestInit["body"], headers: Record<string, string> = {}) =>
    platform.send(path, {
      method,
      headers: { authorization: `Bearer ${ADMIN_KEY}`, ...headers },
      body: raw,
    });
  const refuse = async (changed: unknown) =>
    expectRefusal(platform, "malformed", async () => send(JSON.stringify(changed)));

  test("a body that is not JSON, or no object", async () => {
    const text = JSON.stringify(body);
    const raws = ["", " ", MARKER, text.slice(0, -1), `${text}${MARKER}`, `{"${MARKER}":`];
    for (const raw of [
      null,
      ...raws,
      Uint8Array.of(0xff, 0xfe),
      "[]",
      "null",
      "1",
      `"${MARKER}"`,
    ]) {
      await expectRefusal(platform, "malformed", async () => send(raw));
    }
    const badText = new TextEncoder().encode(text.replace(/"[^"]*"/, '"\u0001"'));
    badText[badText.indexOf(1)] = 0xc0;
    await expectRefusal(platform, "malformed", async () => send(badText));
  });

  test("a member of the wrong type or value", async () => {
    for (const name of Object.keys(body)) {
      for (const value of WRONG_VALUES) {
        // A tenant may trust no issuer, and nobody's anchor.
        if (name === "cardRoots" && Array.isArray(value) && value.length === 0) continue;
        if (names.includes(name) && Array.isArray(value) && value.length === 1) continue;
        if (name === "anchors" && JSON.stringify(value) === "{}") continue;
        await refuse({ ...body, [name]: value });
      }
    }
  });

  test("a byte string of the wrong length or alphabet", async () => {
    for (const [name, value] of Object.entries(body)) {
      if (typeof value !== "string" || value.length < 20) continue;
      if (!anyLength.includes(name)) {
        for (const changed of [value.slice(4), `${value}AAAA`]) {
          await refuse({ ...body, [name]: changed });
        }
      }
      for (const changed of [`${value}=`, ` ${value}`, `${value}\n`, `${value.slice(1)}+`]) {
        await refuse({ ...body, [name]: changed });
      }
    }
  });

  test("a member missing, or one too many", async () => {
    for (const name of Object.keys(body)) {
      if (name === "tenant" || optional.includes(name)) continue;
      const { [name]: _, ...rest } = body;
      await refuse(rest);
    }
    await refuse({ ...body, [MARKER]: 1 });
    await refuse({ ...body, tennant: "default" });
  });

  test("more than 16 KiB, announced or not", async () => {
    const text = JSON.stringify(body);
    const full = text.padEnd(BODY_BYTES_MAX);
    const over = `${full} `;
    for (const raw of [over, chunked(over), over.replace(/ +$/, (s) => MARKER.padEnd(s.length))]) {
      await expectRefusal(platform, "too_large", async () => send(raw));
    }
    const lie = { "content-length": "10" };
    await expectRefusal(platform, "too_large", async () => send(chunked(over), lie));
    await expectRefusal(platform, "malformed", async () => send(full.replace(/.$/, "}")));
  });

  test("a body without end is not read to its end", async () => {
    let pulls = 0;
    let isCancelled = false;
    const endless = new ReadableStream({
      pull(controller) {
        pulls += 1;
        controller.enqueue(new Uint8Array(1024).fill(0x20));
      },
      cancel() {
        isCancelled = true;
      },
    });
    await expectRefusal(platform, "too_large", async () => send(endless));
    expect(isCancelled).toBe(true);
    expect(pulls).toBeLessThan(24);
  });

  test("and the body as it should be is accepted", async () => {
    const exact = JSON.stringify(body).padEnd(BODY_BYTES_MAX);
    const answer = await send(exact);
    expect(answer.text === "" || answer.json !== undefined).toBe(true);
    expect(answer.status).toBe(route.status);
  });
});

test("certificates and roots have bounds", async () => {
  const platform = await openTenant();
  const enrolment = await makeEnrolment(platform);
  const [card = ""] = enrolment.certificates;
  const tooLarge = encodeBase64Url(new Uint8Array(4097));
  for (const certificates of [[], [""], [card, card, card, card], [card, MARKER], [tooLarge]]) {
    await expectRefusal(platform, "malformed", async () =>
      platform.call("POST", "/cards", { ...enrolment, certificates }),
    );
  }
  const [root = ""] = tenantSettings().cardRoots;
  for (const cardRoots of [
    [tooLarge],
    [""],
    [root, "AAAA"],
    Array.from({ length: 17 }, () => root),
  ]) {
    await expectRefusal(platform, "malformed", async () =>
      platform.call("PUT", "/tenants/new", { ...tenantSettings(), cardRoots }),
    );
  }
  platform.close();
});
