/** The relay and its connector: who gets an answer, and what an attacker between them gets. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { CentreConnector, CentreFailure } from "#edge/dependencies";
import { createRelayConnector } from "#edge/relay/client";
import {
  openAnswer,
  openQuestion,
  readQuestion,
  sealAnswer,
  sealQuestion,
} from "#edge/relay/envelope";
import { success } from "#protocol/result";
import { createSeeded, damageText, reportCounts } from "#tests/terminal/seeded";
import { createGsupSource, type GsupSource } from "#edge/relay/gsup-source";
import { createRelay, type Relay } from "#edge/relay/relay";
import { bunTcp } from "#edge/tcp-bun";
import { spawnSimlatch } from "#tests/fleet/program";
import { encodeBase64Url } from "#protocol/bytes";
import { error, result, tuple } from "./encoding.ts";
import { type LyingHlr, startLyingHlr } from "./lying-hlr.ts";
import { startRelayProgram } from "./relay-program.ts";

const IMSI = "001010123456789";
const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));
const KEYS = new Map([
  ["pop-1", random(32)],
  ["pop-2", random(32)],
]);
const keyOf = (caller: string): Uint8Array => KEYS.get(caller) ?? random(32);

let hlr: LyingHlr;
let source: GsupSource;
let relay: Relay;
let server: Bun.Server<undefined>;
let log: string[];
/** How far the relay's clock is ahead. */
let ahead: number;
/** Bodies in both directions, as they crossed the wire. */
let questions: string[];
let answers: string[];
/** In place of what the relay answers. */
let intercept: ((request: Request, pass: () => Promise<Response>) => Promise<Response>) | undefined;

const tools = (offset: () => number = () => 0) => ({
  clock: () => Date.now() + offset(),
  sleep: (milliseconds: number) => Bun.sleep(milliseconds),
  random,
  log: (event: string, fields: object) => {
    log.push(`${event} ${JSON.stringify(fields)}`);
  },
});

beforeEach(() => {
  log = [];
  questions = [];
  answers = [];
  ahead = 0;
  intercept = undefined;
  hlr = startLyingHlr();
  const options = { callers: KEYS, questionsPerMinute: 20 };
  const relayTools = tools(() => ahead);
  source = createGsupSource(relayTools, bunTcp(hlr.address));
  relay = createRelay(relayTools, source, options);
  server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const body = await request.text();
      const pass = async (): Promise<Response> => {
        questions.push(body);
        const { method, headers } = request;
        const withBody = method === "GET" ? {} : { body };
        const answer = await relay.fetch(
          new Request(request.url, { method, headers, ...withBody }),
        );
        answers.push(await answer.clone().text());
        return answer;
      };
      return intercept === undefined ? pass() : intercept(request, pass);
    },
  });
});
afterEach(async () => {
  await server.stop(true);
  source.close();
  hlr.stop();
});

function connector(caller = "pop-1", key = keyOf(caller)): CentreConnector {
  return createRelayConnector(tools(), { url: server.url.href, key, caller });
}
async function wordOf(
  asked: ReturnType<CentreConnector["fetchVectors"]>,
): Promise<CentreFailure | number> {
  const answer = await asked;
  return answer.ok ? answer.value.length : answer.reason;
}
function endless(): ReadableStream<Uint8Array> {
  return new ReadableStream({
    pull(controller) {
      controller.enqueue(new Uint8Array(1024));
    },
  });
}
/** Another first character. */
const flip = (text: string): string => (text.startsWith("A") ? "B" : "A") + text.slice(1);
function parseQuestion(body = "") {
  const question = readQuestion(body);
  if (question === undefined) throw new Error("no question");
  const [nonce, sealed] = [question.nonce, question.sealed].map(encodeBase64Url);
  return { ...question, nonce: nonce ?? "", sealed: sealed ?? "" };
}
const ask = (from = connector()) => wordOf(from.fetchVectors({ imsi: IMSI, count: 5 }));
const send = async (body: string): Promise<number> => {
  const request = new Request(new URL("/v1/vectors", server.url).href, { method: "POST", body });
  return (await relay.fetch(request)).status;
};

describe("M13: through the relay", () => {
  test("vectors, causes and AUTS come through as the HLR said them, under the caller's name", async () => {
    expect(await ask()).toBe(3);
    expect(await ask(connector("pop-2"))).toBe(3);
    expect(hlr.names).toEqual(["pop-1", "pop-2"]);
    const sent = tuple();
    hlr.script(({ imsi }) => [result(imsi, sent)]);
    const fetched = await connector().fetchVectors({ imsi: IMSI, count: 1 });
    expect(fetched.ok && fetched.value[0]?.rand).toEqual(sent.slice(4, 20));
    expect(fetched.ok && fetched.value[0]?.quintet?.confirmationKey?.length).toBe(32);
    const resynchronisation = { rand: random(16), auts: random(14) };
    hlr.script(({ imsi }) => [error(imsi, 2)]);
    const query = { imsi: IMSI, count: 5, resynchronisation };
    expect(await wordOf(connector().fetchVectors(query))).toBe("mac_failure");
    expect(hlr.heard.at(-1)?.bytes.toHex()).toContain(resynchronisation.auts.toHex());
    expect(await ask()).toBe("imsi_unknown_at_centre");
    hlr.script(({ imsi }) => [error(imsi, 0x11)]);
    expect(await ask()).toBe("centre_failed");
  });

  test("I13: neither IMSI nor vector crosses the wire in the clear, or gets into a log", async () => {
    const sent = tuple();
    hlr.script(({ imsi }) => [result(imsi, sent)]);
    expect(await ask()).toBe(1);
    const texts = [...questions, ...answers, ...log].join("\n");
    expect(texts).not.toContain(IMSI);
    for (const [offset, length] of [
      [4, 16],
      [38, 16],
      [74, 16],
      [92, 8],
    ] as const) {
      const part = sent.slice(offset, offset + length);
      expect(texts).not.toContain(encodeBase64Url(part));
      expect(texts).not.toContain(part.toHex());
    }
  });
});

describe("who asks", () => {
  test("unauthorized: another key, another's name, and nobody's name; the HLR hears nothing", async () => {
    expect(await ask(connector("pop-1", random(32)))).toBe("centre_failed");
    expect(await ask(connector("pop-1", keyOf("pop-2")))).toBe("centre_failed");
    expect(await ask(connector("pop-3", keyOf("pop-1")))).toBe("centre_failed");
    expect(hlr.heard).toEqual([]);
    expect(hlr.names).toEqual([]);
    expect(log.filter((line) => line.includes('"unauthorized"')).length).toBe(3);
    expect(log.join("\n")).toContain('relay_refused {"status":401}');
  });

  test("unauthorized: one bit of what is sealed, the time, the nonce or the name", async () => {
    await ask();
    const question = parseQuestion(questions[0]);
    for (const changed of [
      { ...question, sealed: flip(question.sealed) },
      { ...question, nonce: flip(question.nonce) },
      { ...question, at: question.at + 1 },
      { ...question, caller: "pop-2" },
    ]) {
      expect(await send(JSON.stringify(changed))).toBe(401);
    }
    expect(hlr.heard.length).toBe(1);
  });

  test("replayed: a question is answered once", async () => {
    await ask();
    expect(await send(questions[0] ?? "")).toBe(409);
    expect(log.at(-1)).toContain('"replayed"');
    ahead = 29_000;
    expect(await send(questions[0] ?? "")).toBe(409);
    expect(log.at(-1)).toContain('"replayed"');
    expect(hlr.heard.length).toBe(1);
  });

  test("I16: a relay that forgot its nonces seals no second answer under the key of the first", async () => {
    const sent = tuple();
    hlr.script(({ imsi }) => [result(imsi, sent)]);
    await ask();
    const options = { callers: KEYS, questionsPerMinute: 20 };
    const fresh = createGsupSource(tools(), bunTcp(hlr.address));
    const second = createRelay(tools(), fresh, options);
    source.close();
    const init = { method: "POST", body: questions[0] ?? "" };
    const again = await second.fetch(new Request(new URL("/v1/vectors", server.url).href, init));
    fresh.close();
    expect(again.status).toBe(200);
    expect(await again.text()).not.toBe(answers[0] ?? "");
  });

  test.each([-31_000, 31_000])("out_of_time: clocks are %i ms apart", async (offset) => {
    ahead = offset;
    expect(await ask()).toBe("centre_failed");
    expect(log.join("\n")).toContain('"out_of_time"');
    expect(hlr.heard).toEqual([]);
  });

  test("replayed: copies of a question use up nothing that its caller may ask", async () => {
    await ask();
    for (let i = 0; i < 25; i++) expect(await send(questions[0] ?? "")).toBe(409);
    expect(await ask()).not.toBe("centre_busy");
    expect(log.join("\n")).not.toContain('"quota"');
  });

  test("quota: one caller's share of a minute, and not the other's", async () => {
    const words: unknown[] = [];
    for (let i = 0; i < 21; i++) words.push(await ask());
    // The minute may turn in between.
    if (words.at(-1) === 3) for (let i = 0; i < 20; i++) words.push(await ask());
    expect(words.at(-1)).toBe("centre_busy");
    expect(await ask(connector("pop-2"))).toBe(3);
  });

  test.each([
    ["", 400],
    ["{}", 400],
    ["null", 400],
    ['{"caller":"pop-1","at":1,"nonce":"AA","sealed":"AA"}', 400],
    [`{"caller":"pop 1","at":1,"nonce":"${"A".repeat(22)}","sealed":"${"A".repeat(22)}"}`, 400],
    [`{"a":"${"x".repeat(4096)}"}`, 413],
  ])("malformed: %s", async (body, status) => {
    expect(await send(body)).toBe(status);
    expect(hlr.heard).toEqual([]);
  });

  test("too_large: a body without an end", async () => {
    const init = { method: "POST", body: endless() };
    const request = new Request(new URL("/v1/vectors", server.url).href, init);
    expect((await relay.fetch(request)).status).toBe(413);
  });

  test("not_found: another path or method", async () => {
    for (const [path, method] of [
      ["/", "POST"],
      ["/v1/vectors", "GET"],
      ["/v1/vectors/x", "POST"],
    ]) {
      const request = new Request(new URL(path ?? "", server.url).href, { method: method ?? "" });
      expect((await relay.fetch(request)).status).toBe(404);
    }
  });
});

describe("what stands between them", () => {
  test("centre_answer_invalid: the answer to another question, or an altered one", async () => {
    await ask();
    const [earlier = ""] = answers;
    intercept = async () => new Response(earlier);
    expect(await ask()).toBe("centre_answer_invalid");
    intercept = async (_request, pass) => {
      const text = await (await pass()).text();
      return new Response(
        text.replace(/"sealed":"(.)/, (_all, first: string) => `"sealed":"${flip(first)}`),
      );
    };
    expect(await ask()).toBe("centre_answer_invalid");
    intercept = async () => new Response("not json");
    expect(await ask()).toBe("centre_answer_invalid");
    expect(log.join("\n")).toContain("relay_garbled");
  });

  test("centre_answer_invalid: more than any answer has", async () => {
    intercept = async () => new Response(endless());
    expect(await ask()).toBe("centre_answer_invalid");
  });

  test.each([301, 404, 500, 502])(
    "centre_failed: status %i, and no redirect is followed",
    async (status) => {
      const location = new URL("/elsewhere", server.url).href;
      let requests = 0;
      intercept = async () => {
        requests += 1;
        return new Response("", { status, headers: { location } });
      };
      expect(await ask()).toBe("centre_failed");
      expect(requests).toBe(1);
    },
  );

  test("centre_silent: a relay that never answers", async () => {
    const { promise, resolve } = Promise.withResolvers<Response>();
    intercept = () => promise;
    const asked = performance.now();
    expect(await ask()).toBe("centre_silent");
    expect(performance.now() - asked).toBeLessThan(9000);
    resolve(new Response(""));
  }, 20_000);

  test("centre_unreachable: no relay, and then there is one", async () => {
    const { port } = server;
    await server.stop(true);
    const one = createRelayConnector(tools(), {
      url: `http://127.0.0.1:${port}`,
      key: keyOf("pop-1"),
      caller: "pop-1",
    });
    expect(await ask(one)).toBe("centre_unreachable");
    server = Bun.serve({ hostname: "127.0.0.1", port: port ?? 0, fetch: (r) => relay.fetch(r) });
    expect(await ask(one)).toBe(3);
  });

  test("centre_unreachable: the relay is there and its HLR is not", async () => {
    hlr.stop();
    expect(await ask()).toBe("centre_unreachable");
  });
});

describe("fuzz", () => {
  const INPUTS = 20_000;
  const head = { caller: "pop-1", at: 1_800_000_000_000, nonce: random(16) };
  const key = keyOf("pop-1");

  test("a question that was damaged opens never, and what reads it does not throw", () => {
    const seeded = createSeeded(5);
    const sealed = sealQuestion(key, head, { imsi: IMSI, count: 5 });
    const counts = { unreadable: 0, closed: 0, same: 0 };
    for (let i = 0; i < INPUTS; i++) {
      const question = readQuestion(damageText(seeded, sealed));
      if (question === undefined) counts.unreadable += 1;
      else if (openQuestion(key, question) === undefined) counts.closed += 1;
      else
        counts.same +=
          JSON.stringify(question) === JSON.stringify(readQuestion(sealed)) ? 1 : INPUTS;
    }
    reportCounts("relay question", counts);
    expect(counts.same).toBeLessThan(INPUTS);
    expect(Math.min(counts.unreadable, counts.closed)).toBeGreaterThan(100);
  });

  test("so does an answer", () => {
    const seeded = createSeeded(6);
    const vectors = [{ rand: random(16), sres: random(4) }];
    const sealed = sealAnswer(key, head, random(16), success(vectors));
    expect(openAnswer(key, head, sealed)?.ok).toBe(true);
    let opened = 0;
    for (let i = 0; i < INPUTS; i++) {
      const damaged = damageText(seeded, sealed);
      if (openAnswer(key, head, damaged) !== undefined) {
        expect(JSON.parse(damaged)).toEqual(JSON.parse(sealed));
        opened += 1;
      }
    }
    expect(opened).toBeLessThan(INPUTS / 10);
  });
});

describe("simlatch relay", () => {
  const GOOD = {
    SIMLATCH_GSUP_ADDRESS: "127.0.0.1",
    SIMLATCH_RELAY_CALLERS: `pop-1:${encodeBase64Url(random(32))}`,
  };
  test("answers, and ends at once when it is told to, whatever it has asked just before", async () => {
    const key = random(32);
    const { hostname, port } = hlr.address;
    const callers = `pop-1:${encodeBase64Url(key)}`;
    const program = await startRelayProgram(`${hostname}:${port}`, callers);
    const { url } = program;
    expect(await ask(createRelayConnector(tools(), { url, key, caller: "pop-1" }))).toBe(3);
    const told = performance.now();
    expect(await program.stop()).toBe(0);
    expect(performance.now() - told).toBeLessThan(3000);
  });

  test.each([
    ["SIMLATCH_GSUP_ADDRESS", ""],
    ["SIMLATCH_GSUP_ADDRESS", "127.0.0.1:0"],
    ["SIMLATCH_GSUP_ADDRESS", "http://hlr"],
    ["SIMLATCH_RELAY_CALLERS", ""],
    ["SIMLATCH_RELAY_CALLERS", "pop-1"],
    ["SIMLATCH_RELAY_CALLERS", `pop-1:${encodeBase64Url(new Uint8Array(32))}`],
    ["SIMLATCH_RELAY_CALLERS", `${GOOD.SIMLATCH_RELAY_CALLERS} ${GOOD.SIMLATCH_RELAY_CALLERS}`],
    ["SIMLATCH_RELAY_PER_MINUTE", "0"],
  ])("does not start with %s=%s, and says so", async (name, value) => {
    const child = spawnSimlatch(["relay", "--port", "0"], { ...GOOD, [name]: value });
    const [code, said] = await Promise.all([child.exited, new Response(child.stderr).text()]);
    expect(code).toBe(3);
    expect(said).toContain(name);
    if (value.length > 20) expect(said).not.toContain(value.slice(6, 40));
  });
});
