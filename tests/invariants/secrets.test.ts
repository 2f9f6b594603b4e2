import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "bun:test";
import { createEmbeddedCentre } from "#edge/access-authentication/authentication-centre/embedded";
import type { Algorithms } from "#edge/dependencies";
import { createVault, WrappingKeyAbsentError } from "#edge/vault";
import { encodeHex } from "#protocol/bytes";
import { decodeChallenge } from "#protocol/messages";
import { bytesOf, createExchange } from "#tests/platform/exchange";
import { random, type RigOptions } from "#tests/platform/rig";
import { type Bench, createBench, flipBit, HOME, readDurable } from "./bench.ts";
import { formsOf } from "./forms.ts";

let bench: Bench | undefined;
async function open(options?: RigOptions): Promise<Bench> {
  bench = await createBench(options);
  return bench;
}
afterEach(async () => {
  await bench?.rig.dispose();
  bench = undefined;
});

interface Seen {
  readonly ck: Uint8Array;
  readonly ik: Uint8Array;
  readonly secrets: Map<string, Uint8Array>;
}

/** Algorithms that remember, in copies, every secret that passes through Milenage. */
function watchAlgorithms(algorithms: Algorithms, seen: Seen[]): Algorithms {
  const find: Algorithms["find"] = (name) => {
    const row = algorithms.find(name);
    const generateVector = row?.family === "aka" ? row.generateVector : undefined;
    if (name !== "milenage" || row?.family !== "aka" || generateVector === undefined) return row;
    return {
      ...row,
      generateVector(k, opc, rand, sqn, amf) {
        const vector = generateVector(k, opc, rand, sqn, amf);
        const copies: [string, Uint8Array][] = [
          ["K", k.slice()],
          ["OPc", opc.slice()],
          ["CK", vector.ck.slice()],
          ["IK", vector.ik.slice()],
          ["XRES", vector.xres.slice()],
        ];
        seen.push({ ck: vector.ck, ik: vector.ik, secrets: new Map(copies) });
        return vector;
      },
    };
  };
  return { ...algorithms, find };
}

async function openWatched(): Promise<Bench & { readonly seen: Seen[] }> {
  const seen: Seen[] = [];
  const opened = await open({
    wrap(dependencies) {
      const algorithms = watchAlgorithms(dependencies.algorithms, seen);
      const centre = createEmbeddedCentre({ algorithms, vault: dependencies.vault });
      return { ...dependencies, algorithms, centre };
    },
  });
  return { ...opened, seen };
}

test("I10: CK and IK are wiped before the vector leaves the centre", async () => {
  const { exchange, seen } = await openWatched();
  await (await exchange()).run();
  expect(seen).toHaveLength(1);
  for (const { ck, ik, secrets } of seen) {
    expect(secrets.get("CK")?.some((byte) => byte !== 0)).toBe(true);
    expect([...ck, ...ik].every((byte) => byte === 0)).toBe(true);
  }
});

test("I13: no secret is in a database file, a log line or a response", async () => {
  const { rig, fleet, card, seen } = await openWatched();
  const ahead = await fleet.addSubscriber({ operator: HOME, seqMs: 5000 });
  await fleet.addRule(card, { imsi: ahead.imsi }, "lock");
  const responses: string[] = [];
  const post = async (path: string, body: unknown) => {
    const answer = await rig.post(path, body);
    responses.push(answer.text);
    return answer;
  };
  const attempt = await createExchange({ post }, card, ahead);
  const body = await attempt.start();
  const challenge = await attempt.prove(body);
  const answer = await attempt.ask(challenge);
  if (answer.kind !== "auts") throw new Error("the USIM was in step");
  const next = await attempt.answer(body.sid, await attempt.sign(challenge, { answer }));
  const reply = await attempt.answer(body.sid, await attempt.sign(next));
  expect(reply.json["verdict"]).toBe("SUCCESS");
  const pending = await createExchange({ post }, card, ahead);
  await pending.prove(await pending.start());
  await post(`/${body.sid}/answer`, {
    token: "AA",
    statement: "AA",
    proof: "AA",
    imsi: ahead.imsi,
  });

  const secrets = seen.flatMap((vector) => Array.from(vector.secrets));
  secrets.push(["AUTS", answer.auts]);
  const rand = decodeChallenge(bytesOf(challenge.json["challenge"]))?.rands[0];
  if (rand === undefined) throw new Error("no RAND");
  const files = readdirSync(rig.folder).map(
    (name) => [name, readFileSync(join(rig.folder, name))] as const,
  );
  const places = [
    ...files,
    ["log", Buffer.from(rig.log.join("\n"))] as const,
    ["responses", Buffer.from(responses.join("\n"))] as const,
  ];
  expect(secrets.length).toBe(16);
  for (const [name, secret] of secrets)
    for (const [place, content] of places)
      for (const form of formsOf(secret))
        expect(content.includes(form) ? `${name} in ${place}` : "").toBe("");
  for (const [place, content] of places) {
    const expected = place.startsWith("catalog.db");
    // In the catalog the IMSI stands in the subscriber table, and nowhere else.
    if (expected) continue;
    expect(content.includes(Buffer.from(ahead.imsi)) ? `IMSI in ${place}` : "").toBe("");
  }
  const tables = readDurable(
    rig,
    "SELECT name FROM sqlite_master WHERE type = 'table'",
    "catalog.db",
  );
  for (const { name } of tables) {
    const rows = JSON.stringify(readDurable(rig, `SELECT * FROM ${String(name)}`, "catalog.db"));
    const holds = rows.includes(ahead.imsi);
    expect(holds && name !== "subscriber" && name !== "auc" ? `IMSI in ${String(name)}` : "").toBe(
      "",
    );
  }
  // The search works: RAND is public and is found.
  expect(files.some(([, content]) => content.includes(Buffer.from(rand)))).toBe(true);
});

test("I13: a refusal repeats nothing of its input", async () => {
  const { rig, exchange } = await open();
  const attempt = await exchange();
  const body = await attempt.start();
  const marker = "MARKER0123456789";
  for (const [path, sent] of [
    ["", { ...body, cardId: marker }],
    ["", `{"cardId": ${marker}`],
    ["", { cardId: body.cardId, suites: [marker], modes: ["signed"], moduleKind: "USIM" }],
    [`/${marker}/card`, { ...body, sid: undefined }],
    [`/${body.sid}/card`, { ...body, sid: undefined, imsi: marker }],
    [`/${body.sid}/answer`, { token: marker, statement: marker, proof: marker }],
    [`/${body.sid}/receipt`, { token: marker, receipt: marker, [marker]: 1 }],
    [`/${body.sid}/${marker}`, {}],
  ] as const) {
    const answer = await rig.post(path, sent);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(Object.keys(answer.json).toSorted()).toEqual(["code", "status", "title", "type"]);
    expect(answer.text).not.toContain(marker);
  }
  expect(rig.log.join("\n")).not.toContain(marker);
});

test("I16: no two wrappings share a key and a nonce, whatever they wrap", () => {
  const seen = new Set<string>();
  const masterKey = random(32);
  const secret = random(16);
  for (let process = 0; process < 4; process++) {
    // A restored process starts from the same key with nothing remembered.
    const vault = createVault(masterKey, random);
    for (let i = 0; i < 2500; i++) seen.add(saltAndNonce(vault.wrap("k", "default/001", secret)));
  }
  expect(seen.size).toBe(10_000);
});

const saltAndNonce = (wrapped: Uint8Array): string => encodeHex(wrapped.subarray(3, 39));

test("I16: what decides key and nonce is all random, and all of it is fresh each time", () => {
  let drawn = 0;
  const vault = createVault(new Uint8Array(32).fill(7), (length) => {
    drawn += length;
    return crypto.getRandomValues(new Uint8Array(length));
  });
  const first = vault.wrap("k", "row", new Uint8Array(16));
  expect(drawn).toBe(36);
  const second = vault.wrap("k", "row", new Uint8Array(16));
  expect(drawn).toBe(72);
  for (const [start, end] of [
    [3, 27],
    [27, 39],
  ] as const) {
    expect(encodeHex(first.subarray(start, end))).not.toBe(encodeHex(second.subarray(start, end)));
  }
});

test("a wrapped secret opens only whole, for its purpose and its row", () => {
  const vault = createVault(new Uint8Array(32).fill(9), random);
  const secret = crypto.getRandomValues(new Uint8Array(16));
  const wrapped = vault.wrap("k", "row 1", secret);
  expect(vault.unwrap("k", "row 1", wrapped)).toEqual(secret);
  expect(vault.unwrap("opc", "row 1", wrapped)).toBeUndefined();
  expect(vault.unwrap("k", "row 2", wrapped)).toBeUndefined();
  for (let bit = 0; bit < wrapped.length * 8; bit++) {
    const altered = (): unknown => vault.unwrap("k", "row 1", flipBit(wrapped, bit));
    // Two bytes name the wrapping key: another one is not there.
    if (bit >= 8 && bit < 24) expect(altered).toThrow(WrappingKeyAbsentError);
    else expect(altered()).toBeUndefined();
  }
  for (let length = 0; length < wrapped.length; length++)
    expect(vault.unwrap("k", "row 1", wrapped.subarray(0, length))).toBeUndefined();
});
