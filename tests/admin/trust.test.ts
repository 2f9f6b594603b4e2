/** Tenants, platform keys, floor. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";

import type { PlatformKey } from "#protocol/admin";
import { decodeBase64Url, encodeBase64Url, encodeHex } from "#protocol/bytes";
import { encodeCredential } from "#protocol/messages";
import * as core from "#wasm";

import { makeKeyPair } from "../certificates/make-certificate.ts";
import {
  ANCHOR,
  createKey,
  openTenant,
  type Platform,
  ROOTS,
  signCredential,
  TENANT,
  tenantSettings,
} from "./platform.ts";
import { expectRefusal } from "./refusal.ts";

let platform: Platform;
beforeEach(async () => {
  platform = await openTenant();
});
afterEach(() => platform.close());

const bytesOf = (text: string): Uint8Array => decodeBase64Url(text) ?? new Uint8Array(0);
const SUITE = "P-256";

describe("PUT /tenants/{tenant}", () => {
  test("stores anchor and roots, and replaces them", async () => {
    const { tenants } = platform.dependencies.repositories;
    expect(await tenants.find(TENANT)).toEqual({
      tenant: TENANT,
      anchors: { "P-256": ANCHOR.publicKey },
      cardRoots: ROOTS,
    });
    const other = { ...tenantSettings(), cardRoots: [] };
    expect((await platform.call("PUT", "/tenants/other-1", other)).status).toBe(204);
    expect((await tenants.find("other-1"))?.cardRoots).toEqual([]);
    expect((await platform.call("PUT", `/tenants/${TENANT}`, other)).text).toBe("");
    expect((await tenants.find(TENANT))?.cardRoots).toEqual([]);
  });

  test("an anchor that is no point of the curve is malformed", async () => {
    const point = new Uint8Array(ANCHOR.publicKey);
    point[64] = (point[64] ?? 0) ^ 1;
    const settings = { ...tenantSettings(), anchors: { "P-256": encodeBase64Url(point) } };
    await expectRefusal(platform, "malformed", async () =>
      platform.call("PUT", "/tenants/new", settings),
    );
  });
});

describe("POST /platform-keys", () => {
  test("makes a key, keeps the private half wrapped and tells the public one", async () => {
    const answer = await platform.call("POST", "/platform-keys", { suite: SUITE });
    expect(answer.status).toBe(201);
    const { publicKey }: PlatformKey = JSON.parse(answer.text);
    expect(answer.json).toEqual({ generation: 1, publicKey });
    const { repositories, vault, suites } = platform.dependencies;
    const stored = await repositories.platformKeys.find(TENANT, SUITE, 1);
    expect(stored?.publicKey).toEqual(bytesOf(publicKey));
    expect(stored?.credential).toBeUndefined();

    const context = `${TENANT}/${SUITE}/${encodeHex(bytesOf(publicKey))}`;
    const wrapped = stored?.wrappedPrivateKey ?? new Uint8Array(0);
    const privateKey = vault.unwrap("platform-key", context, wrapped) ?? new Uint8Array(0);
    const message = Uint8Array.of(1, 2, 3);
    const tools = suites(SUITE);
    if (!("sign" in tools)) throw new Error("a certificate suite");
    const keyPair = { publicKey: bytesOf(publicKey), privateKey };
    const signature = tools.sign(keyPair, message);
    expect(core.verifyP256(bytesOf(publicKey), message, signature)).toBe(true);
    expect(encodeHex(wrapped)).not.toContain(encodeHex(privateKey));
    expect(vault.unwrap("platform-key", context.replace(TENANT, "other"), wrapped)).toBeUndefined();
  });

  test("counts generations, and knows its tenants", async () => {
    expect((await createKey(platform)).generation).toBe(1);
    expect((await createKey(platform)).generation).toBe(2);
    await expectRefusal(platform, "not_found", async () =>
      platform.call("POST", "/platform-keys", { tenant: "nobody", suite: SUITE }),
    );
  });
});

describe("PUT /platform-keys/{generation}", () => {
  test("stores the credential that the card will see", async () => {
    const key = await createKey(platform);
    const activation = signCredential(key);
    expect((await platform.call("PUT", "/platform-keys/1", activation)).status).toBe(204);
    const active = await platform.dependencies.repositories.platformKeys.findActive(TENANT, SUITE);
    expect(active?.credential).toEqual(
      encodeCredential({
        generation: 1,
        suite: 1,
        publicKey: bytesOf(key.publicKey),
        signature: bytesOf(activation.signature),
      }),
    );
  });

  test("the same again is fine, another one is a conflict", async () => {
    const key = await createKey(platform);
    const activation = signCredential(key);
    for (let i = 0; i < 2; i++) {
      expect((await platform.call("PUT", "/platform-keys/1", activation)).status).toBe(204);
    }
    // ECDSA is randomised: the anchor's second signature differs and is as good.
    await expectRefusal(platform, "conflict", async () =>
      platform.call("PUT", "/platform-keys/1", signCredential(key)),
    );
  });

  test("only the anchor's signature over this very key counts", async () => {
    await platform.call("PUT", "/tenants/other", tenantSettings());
    const [first, second] = [await createKey(platform), await createKey(platform)];
    const wrong = [
      signCredential(second),
      signCredential({ ...first, generation: 2 }),
      signCredential(first, makeKeyPair()),
      { ...signCredential(first, ANCHOR, "other"), tenant: TENANT },
      { ...signCredential(first), signature: encodeBase64Url(new Uint8Array(64)) },
    ];
    for (const activation of wrong) {
      await expectRefusal(platform, "card_not_authenticated", async () =>
        platform.call("PUT", "/platform-keys/1", activation),
      );
    }
  });

  test("unknown generations and tenants are not found", async () => {
    const key = await createKey(platform);
    await expectRefusal(platform, "not_found", async () =>
      platform.call("PUT", "/platform-keys/2", signCredential({ ...key, generation: 2 })),
    );
    await expectRefusal(platform, "not_found", async () =>
      platform.call("PUT", "/platform-keys/1", signCredential(key, ANCHOR, "nobody")),
    );
  });

  test.each(["0", "01", "-1", "1.5", "4294967296", "99999999999", "x", "1e3"])(
    "generation %s is malformed",
    async (generation) => {
      const key = await createKey(platform);
      await expectRefusal(platform, "malformed", async () =>
        platform.call("PUT", `/platform-keys/${generation}`, signCredential(key)),
      );
    },
  );
});

test("PUT /floor rises to a generation in use and never sinks", async () => {
  const keys = [await createKey(platform), await createKey(platform), await createKey(platform)];
  for (const key of keys.slice(0, 2)) {
    await platform.call("PUT", `/platform-keys/${key.generation}`, signCredential(key));
  }
  const put = async (floor: number) => platform.call("PUT", "/floor", { suite: SUITE, floor });
  await expectRefusal(platform, "conflict", async () => put(3));
  expect((await put(2)).status).toBe(204);
  await expectRefusal(platform, "conflict", async () => put(1));
  const active = await platform.dependencies.repositories.platformKeys.findActive(TENANT, SUITE);
  expect(active?.floor).toBe(2);
});
