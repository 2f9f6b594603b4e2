/** Bad requests over real sockets, the same table on Bun and on workerd. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import * as core from "#wasm";
import type { ProblemCode } from "#protocol/wire";
import { STATUS } from "#tests/admin/refusal";
import { textOf } from "#tests/platform/exchange";
import { BODY_BYTES_MAX, type Case, listCases, MARKER } from "./cases.ts";
import { createScene, type Scene } from "./scene.ts";
import { posting, send, sendBytes, startBunTarget, startWorkerdTarget } from "./targets.ts";
import type { Sent, Target } from "./targets.ts";

const TABLE_MS = 60_000;

/** What is wrong with the answer, in a word; empty when nothing is. */
function objectionTo(answer: Sent, code: ProblemCode): string {
  const wrong: string[] = [];
  if (answer.status !== STATUS[code]) wrong.push(`status ${answer.status}`);
  if (answer.json["code"] !== code) wrong.push(`code ${String(answer.json["code"])}`);
  if (answer.json["status"] !== STATUS[code]) wrong.push("status in the body");
  if (answer.json["type"] !== `urn:simlatch:problem:${code}`) wrong.push("type");
  if (Object.keys(answer.json).toSorted().join() !== "code,status,title,type") wrong.push("keys");
  if (answer.headers.get("content-type") !== "application/problem+json") wrong.push("media type");
  const retries = code === "quota" || code === "unavailable";
  if (answer.headers.has("retry-after") !== retries) wrong.push("Retry-After");
  const headers = [...answer.headers].flat().join("\n");
  if (answer.text.includes(MARKER) || headers.includes(MARKER)) wrong.push("echo");
  return wrong.join(", ");
}

const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;

const counts = { bun: 0, workerd: 0 };
afterAll(() => {
  process.stdout.write(`bad input: ${counts.bun} cases on bun, ${counts.workerd} on workerd\n`);
});

async function runCase(target: Target, { method, path, body, code }: Case): Promise<string> {
  const before = target.dump();
  const answer = await send(target, method ?? "POST", path, body);
  counts[target.name] += 1;
  const changed = target.dump() === before ? "" : " state changed";
  return `${objectionTo(answer, code)}${changed}`;
}

const HOSTS = [
  ["bun", startBunTarget],
  ["workerd", () => startWorkerdTarget(core)],
] as const;

describe.each(HOSTS)("on %s", (_name, start) => {
  let target: Target;
  let scene: Scene;
  beforeAll(async () => {
    target = await start();
    scene = await createScene(target);
  }, TABLE_MS);
  afterAll(() => target.stop());

  test(
    "every bad request gets its code, its status, and nothing else",
    async () => {
      const failures: string[] = [];
      const cases = listCases(scene);
      for (const one of cases) {
        const objection = await runCase(target, one);
        if (objection !== "") failures.push(`${one.name}: ${objection}`);
      }
      expect(failures).toEqual([]);
      expect(cases.length).toBeGreaterThan(300);
    },
    TABLE_MS,
  );

  test("bodies whose length is not as announced", async () => {
    const before = target.dump();
    const { host } = new URL(target.url);
    const body = JSON.stringify(scene.offer);
    const head = `POST /v1/bindings HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n`;
    const chunked = `${head}Transfer-Encoding: chunked\r\n\r\n`;
    const spaces = " ".repeat(4096);
    const big = chunk(spaces).repeat(4) + chunk(" ");
    const answers: [string, string, number | undefined][] = [
      ["control: chunked", `${chunked}${chunk(body)}0\r\n\r\n`, 201],
      ["chunked, one byte over", `${chunked}${big}0\r\n\r\n`, 413],
      ["chunked, over and unending", `${chunked}${big}`, 413],
      ["announces less", `${head}Content-Length: 10\r\n\r\n${body}`, 400],
      ["announces none", `${head}Content-Length: 0\r\n\r\n${body}`, 400],
      ["announces more", `${head}Content-Length: ${body.length + 9}\r\n\r\n${body}`, undefined],
      ["announces 1 GB", `${head}Content-Length: 1000000000\r\n\r\n${body}`, undefined],
      ["negative", `${head}Content-Length: -1\r\n\r\n${body}`, undefined],
      ["no number", `${head}Content-Length: ${MARKER}\r\n\r\n${body}`, undefined],
    ];
    const failures: string[] = [];
    for (const [name, bytes, status] of answers) {
      const answer = await sendBytes(target, bytes);
      counts[target.name] += 1;
      const got = /^HTTP\/1\.1 (?<status>\d{3})/.exec(answer)?.groups?.["status"];
      const isRight = status === undefined ? got?.startsWith("2") !== true : got === String(status);
      if (!isRight || answer.includes(MARKER)) failures.push(`${name}: ${answer.slice(0, 200)}`);
    }
    expect(failures).toEqual([]);
    expect(target.dump()).toBe(before);
  }, 30_000);

  test("exactly 16 KiB is read", async () => {
    const body = JSON.stringify(scene.offer).padEnd(BODY_BYTES_MAX);
    expect((await send(target, "POST", "/v1/bindings", body)).status).toBe(201);
  });

  test("the three sessions go on as if nothing had been", async () => {
    const { opened, challenged, decided } = scene;
    const reply = await challenged.exchange.answer(challenged.sid, challenged.signed);
    expect(reply.json["verdict"]).toBe("SUCCESS");
    const done = await challenged.exchange.finish(challenged.sid, challenged.signed.token, reply);
    expect(done.status).toBe(204);
    const challenge = await opened.exchange.prove(opened.body);
    const signed = await opened.exchange.sign(challenge);
    const second = await opened.exchange.answer(opened.body.sid, signed);
    expect(second.json["verdict"]).toBe("SUCCESS");
    const { post } = posting(target);
    expect((await post(`/${decided.sid}/answer`, decided.signed)).text).toBe(decided.reply.text);
    const receiptPath = `/${decided.sid}/receipt`;
    expect((await post(receiptPath, decided.receipt)).status).toBe(204);
    expect((await post(receiptPath, decided.receipt)).status).toBe(204);
    expect((await opened.exchange.applet.readStatus()).state.name).toBe("idle");
  });

  test("after the receipt: another receipt, another answer", async () => {
    const { decided, challenged } = scene;
    const other = { ...decided.receipt, receipt: textOf(decided.receipt.receipt) };
    const bytes = Buffer.from(other.receipt, "base64url");
    bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
    const path = `/v1/bindings/${decided.sid}`;
    const failures = [
      await runCase(target, {
        name: "receipt",
        path: `${path}/receipt`,
        body: { ...other, receipt: bytes.toString("base64url") },
        code: "out_of_order",
      }),
      await runCase(target, {
        name: "answer",
        path: `${path}/answer`,
        body: { ...challenged.signed, token: decided.receipt.token },
        code: "out_of_order",
      }),
    ];
    expect(failures).toEqual(["", ""]);
  });
});
