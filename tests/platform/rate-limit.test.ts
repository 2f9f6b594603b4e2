import { expect, test } from "bun:test";
import { createApp } from "#edge/app";
import { callerNetwork } from "#edge/routes/caller-network";
import { createRateLimit } from "#edge/routes/rate-limit";
import { createRig } from "./rig.ts";

const offer = JSON.stringify({
  cardId: "00112233445566AA",
  suites: ["P-256"],
  modes: ["encrypted", "signed"],
  moduleKind: "USIM",
});

test("I14: unproven calls are limited by address, so nobody shuts out another's card", async () => {
  const rig = await createRig({ environment: { SIMLATCH_UNAUTHENTICATED_PER_MINUTE: "3" } });
  await rig.fleet();
  const { dependencies, host } = rig;
  const app = createApp({ dependencies, adminKey: undefined }, host);
  const send = async (address: string, path: string, body: string) => {
    const init = { method: "POST", body };
    const answer = await app.request(`http://rig.test/v1/bindings${path}`, init, { address });
    return [answer.status, answer.headers.get("Retry-After")];
  };
  for (let call = 0; call < 3; call++) {
    expect(await send("192.0.2.1", "", offer)).toEqual([201, null]);
  }
  // The same card id from the attacker's address, and from its owner's.
  expect(await send("192.0.2.1", "", offer)).toEqual([429, "60"]);
  expect(await send("192.0.2.2", "", offer)).toEqual([201, null]);
  // Forged proofs have a count of their own, taken before anything is verified.
  const forged = JSON.stringify({ token: "AA", cardId: "00112233445566AA", proof: "AA" });
  for (let call = 0; call < 3; call++) {
    expect((await send("192.0.2.1", "/AA/card", forged))[0]).toBe(400);
  }
  expect((await send("192.0.2.1", "/AA/card", forged))[0]).toBe(429);
  rig.advance(60_000);
  expect(await send("192.0.2.1", "", offer)).toEqual([201, null]);
  // Nobody takes a fresh count with each of the 2^64 addresses that a subscriber of IPv6 has.
  for (let call = 0; call < 3; call++) {
    expect(await send(`2001:db8:0:1::${call}`, "", offer)).toEqual([201, null]);
  }
  expect(await send("2001:db8:0:1:ffff::1", "", offer)).toEqual([429, "60"]);
  expect(await send("2001:db8:0:2::1", "", offer)).toEqual([201, null]);
  await rig.dispose();
});

test.each([
  ["192.0.2.1", "192.0.2.1"],
  ["::ffff:192.0.2.1", "192.0.2.1"],
  ["::ffff:c000:0201", "0:0:0:0:0:ffff:c000:201"],
  ["2001:DB8:0:1::1", "2001:db8:0:1::/64"],
  ["2001:0db8:0000:0001:aaaa:bbbb:cccc:dddd", "2001:db8:0:1::/64"],
  ["2001:db8::7", "2001:db8:0:0::/64"],
  ["::1", "0:0:0:0::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ["1:2:3:4:5:6:7", "1:2:3:4:5:6:7"],
  ["1::2::3", "1::2::3"],
  ["g::1", "g::1"],
  ["", ""],
])("the network of %p is %p", (address, network) => {
  expect(callerNetwork(address)).toBe(network);
});

test("the limiter's memory is bounded, and a minute starts it anew", () => {
  let now = 0;
  const limit = createRateLimit(() => now, 2);
  expect([limit.take("a"), limit.take("a"), limit.take("a")]).toEqual([true, true, false]);
  for (let key = 0; key < 10_000; key++) limit.take(`address ${key}`);
  // Forgotten rather than kept for ever: "a" was the oldest of 10,001.
  expect(limit.take("a")).toBe(true);
  now = 60_000;
  expect([limit.take("a"), limit.take("a"), limit.take("a")]).toEqual([true, true, false]);
});
