/** The single writers in workerd: what was acknowledged is there after a restart, byte for byte. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEdge } from "#cli/edge-host";
import { encodeBase64Url, encodeHex } from "#protocol/bytes";
import { createFleet } from "#tests/fleet/fleet";
import { createExchange } from "./exchange.ts";
import { type Answer, random } from "./rig.ts";

const deployment = random(16);
const adminKey = encodeBase64Url(random(32));
const environment = {
  SIMLATCH_MASTER_KEY: encodeBase64Url(random(32)),
  SIMLATCH_DEPLOYMENT: encodeHex(deployment),
  SIMLATCH_ADMIN_KEY: adminKey,
};
let folder = "";
let edge: Awaited<ReturnType<typeof startEdge>>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "simlatch-workerd-"));
  edge = await startEdge({ environment, folder, port: 0, writeLine: () => undefined });
}, 60_000);
afterAll(async () => {
  await edge.stop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

async function post(path: string, body: unknown): Promise<Answer> {
  const response = await fetch(`${edge.url}/v1/bindings${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, text, json: text === "" ? {} : JSON.parse(text) };
}

test("workerd: consumed ids, stored bytes, epochs and SQNs survive a restart", async () => {
  const fleet = await createFleet({
    platformUrl: edge.url,
    adminKey,
    deployment,
    fetch: (url, init) => fetch(url, init),
    now: () => Date.now(),
    random,
  });
  const card = await fleet.addCard();
  const subscriber = await fleet.addSubscriber({ operator: "46001" });
  await fleet.addRule(card, { imsi: subscriber.imsi }, "lock");
  const exchange = await createExchange({ post }, card, subscriber);
  const body = await exchange.start();
  const [challenge, twin] = await Promise.all([exchange.prove(body), exchange.prove(body)]);
  expect(twin.text).toBe(challenge.text);
  const signed = await exchange.sign(challenge);
  const reply = await exchange.answer(body.sid, signed);
  expect(reply.json["verdict"]).toBe("SUCCESS");

  await edge.stop();
  edge = await startEdge({ environment, folder, port: 0, writeLine: () => undefined });

  expect((await exchange.prove(body)).text).toBe(challenge.text);
  expect((await exchange.answer(body.sid, signed)).text).toBe(reply.text);
  const other = await exchange.answer(body.sid, {
    ...signed,
    proof: signed.proof.replace(/..$/, "AA"),
  });
  expect(other.json["code"]).toBe("out_of_order");
  expect((await exchange.finish(body.sid, signed.token, reply)).status).toBe(204);
  expect((await exchange.applet.readStatus()).epoch).toBe(1);

  const second = await exchange.run();
  expect(second.reply.json["verdict"]).toBe("SUCCESS");
  await exchange.finish(second.sid, second.token, second.reply);
  expect((await exchange.applet.readStatus()).epoch).toBe(2);
  expect(Math.max(...(subscriber.device.snapshot().seqMs ?? []))).toBe(2);
}, 60_000);
