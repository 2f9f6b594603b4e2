/**
 * The real server, killed with SIGKILL under load: what was acknowledged is there afterwards, byte
 * for byte, no SQN comes twice, no epoch goes back. A short form; the moments differ with each run.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { encodeBase64Url, encodeHex } from "#protocol/bytes";
import { createFleet } from "#tests/fleet/fleet";
import { createExchange, type Exchange } from "#tests/platform/exchange";
import { type Answer, random } from "#tests/platform/rig";

const ROOT = resolve(import.meta.dir, "../..");
const KILLS = 12;
const PHONES = 3;
const LOAD_MS_MAX = 250;

const deployment = random(16);
const adminKey = encodeBase64Url(random(32));
const keys = {
  SIMLATCH_MASTER_KEY: encodeBase64Url(random(32)),
  SIMLATCH_DEPLOYMENT: encodeHex(deployment),
  SIMLATCH_ADMIN_KEY: adminKey,
  SIMLATCH_CHALLENGES_PER_CARD_HOUR: "100000",
  SIMLATCH_CHALLENGES_PER_PAIR_HOUR: "100000",
  SIMLATCH_CHALLENGES_PER_IMSI_HOUR: "100000",
};

let folder = "";
let url = "";
let server: Bun.Subprocess<"ignore", "pipe", "ignore">;

async function startServer(): Promise<void> {
  const command = [process.execPath, "cli/main.ts", "serve", "--json", "--port", "0"];
  server = Bun.spawn([...command, "--folder", folder], {
    cwd: ROOT,
    env: { ...process.env, ...keys },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "ignore",
  });
  const reader = server.stdout.getReader();
  let line = "";
  while (!line.includes("\n")) {
    const { done, value } = await reader.read();
    if (done) throw new Error("the server did not start");
    line += new TextDecoder().decode(value);
  }
  reader.releaseLock();
  const started: { readonly url: string } = JSON.parse(line);
  ({ url } = started);
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "simlatch-crash-"));
  await startServer();
}, 30_000);
afterAll(() => {
  server.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

async function post(path: string, body: unknown): Promise<Answer> {
  const response = await fetch(`${url}/v1/bindings${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, text, json: text === "" ? {} : JSON.parse(text) };
}

/** A request that was answered, and the answer. */
interface Acknowledged {
  readonly again: () => Promise<Answer>;
  readonly text: string;
}

/** Binds again and again until the server is gone; gives back the last acknowledged messages. */
async function bindUntilKilled(exchange: Exchange): Promise<readonly Acknowledged[]> {
  let acknowledged: Acknowledged[] = [];
  for (;;) {
    try {
      const body = await exchange.start();
      const challenge = await exchange.prove(body);
      expect(challenge.status).toBe(200);
      acknowledged = [{ again: () => exchange.prove(body), text: challenge.text }];
      // A SEQ that was issued before would bring AUTS or nothing.
      expect((await exchange.ask(challenge)).kind).toBe("res");
      const signed = await exchange.sign(challenge, { answer: { kind: "refusal", statusWord: 1 } });
      const reply = await exchange.answer(body.sid, signed);
      expect(reply.json["verdict"]).toBe("FAILURE");
      acknowledged.push({ again: () => exchange.answer(body.sid, signed), text: reply.text });
      expect((await exchange.finish(body.sid, signed.token, reply)).status).toBe(204);
    } catch (error) {
      if (!isConnectionError(error)) throw error;
      return acknowledged;
    }
  }
}

function isConnectionError(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return ["ConnectionRefused", "ECONNRESET", "ConnectionClosed", "ECONNREFUSED"].includes(code);
}

test("killed under load, the server loses nothing that it acknowledged", async () => {
  const fleet = await createFleet({
    platformUrl: url,
    adminKey,
    deployment,
    fetch: (target, init) => fetch(target, init),
    now: () => Date.now(),
    random,
  });
  const phones = await Promise.all(
    Array.from({ length: PHONES }, async () => {
      const [card, subscriber] = await Promise.all([
        fleet.addCard(),
        fleet.addSubscriber({ operator: "46001" }),
      ]);
      await fleet.addRule(card, { imsi: subscriber.imsi }, "refuse");
      return createExchange({ post }, card, subscriber);
    }),
  );
  let resent = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const load = Promise.all(phones.map(bindUntilKilled));
    await Bun.sleep(((random(1)[0] ?? 0) / 255) * LOAD_MS_MAX);
    server.kill("SIGKILL");
    await server.exited;
    const acknowledged = (await load).flat();
    await startServer();
    for (const { again, text } of acknowledged) {
      expect((await again()).text).toBe(text);
      resent += 1;
    }
  }
  for (const phone of phones) {
    const { sid, token, reply } = await phone.run();
    expect(reply.json["verdict"]).toBe("SUCCESS");
    expect((await phone.finish(sid, token, reply)).status).toBe(204);
  }
  process.stdout.write(`killed ${KILLS} times, ${resent} acknowledged answers sent again alike\n`);
  expect(resent).toBeGreaterThan(0);
}, 120_000);
