/** The GSUP client against an HLR that fails and lies: bounded time, a reason, and recovery. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { QUERIES_UNDER_WAY_MAX } from "#edge/access-authentication/authentication-centre/external";
import {
  createGsupClient,
  type GsupClient,
} from "#edge/access-authentication/authentication-centre/gsup/client";
import type { CentreFailure } from "#edge/dependencies";
import { bunTcp } from "#edge/tcp-bun";
import {
  error,
  frame,
  gsup,
  ie,
  imsiIe,
  join,
  result,
  tuple,
  type TupleLengths,
} from "./encoding.ts";
import { type LyingHlr, startLyingHlr } from "./lying-hlr.ts";

const IMSI = "001010123456789";
const OTHER = "001010123456780";
const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

let hlr: LyingHlr;
let client: GsupClient;
let log: string[];
/** Added to the real clock. */
let later: number;
/** What the clock says, when it stands still. */
let standing: number | undefined;

const tools = {
  clock: () => standing ?? Date.now() + later,
  sleep: (milliseconds: number) => Bun.sleep(milliseconds),
  log: (event: string, fields: object) => {
    log.push(`${event} ${JSON.stringify(fields)}`);
  },
};

beforeEach(() => {
  log = [];
  later = 0;
  standing = undefined;
  hlr = startLyingHlr();
  client = createGsupClient(tools, bunTcp(hlr.address), "bindpop1");
});
afterEach(() => {
  client.close();
  hlr.stop();
});

const ask = (imsi = IMSI, changes: object = {}) =>
  client.fetchVectors({ imsi, count: 3, ...changes });
const wordOf = async (asked: ReturnType<typeof ask>): Promise<CentreFailure | number> => {
  const answer = await asked;
  return answer.ok ? answer.value.length : answer.reason;
};
/** How long it took, in milliseconds, and what came of it. */
async function timed(asked: ReturnType<typeof ask>) {
  const start = performance.now();
  const word = await wordOf(asked);
  return { word, took: performance.now() - start };
}
const resynchronisation = { rand: random(16), auts: random(14) };

describe("M3: what goes over the wire", () => {
  test("the name that the HLR asked for, and a request byte by byte", async () => {
    expect(await wordOf(ask())).toBe(3);
    expect(hlr.names).toEqual(["bindpop1"]);
    expect(hlr.heard.map(({ bytes }) => bytes.toHex())).toEqual(["0508010800010121436587f9520103"]);
    await ask(IMSI, { resynchronisation });
    const { auts, rand } = resynchronisation;
    const resync = `260e${auts.toHex()}2010${rand.toHex()}`;
    expect(hlr.heard[1]?.bytes.toHex()).toBe(`0508010800010121436587f9520103${resync}`);
  });

  test("one connection for all of them", async () => {
    const all = await Promise.all(
      Array.from({ length: 40 }, (_, i) => wordOf(ask(`00101${String(i).padStart(10, "0")}`))),
    );
    expect(new Set(all)).toEqual(new Set([3]));
    expect([hlr.names.length, hlr.open()]).toEqual([1, 1]);
  });

  test("no two requests of one subscriber at once: nothing else ties an answer to its request", async () => {
    let underWay = 0;
    let most = 0;
    hlr.script(({ imsi }) => {
      underWay += 1;
      most = Math.max(most, underWay);
      setTimeout(() => {
        underWay -= 1;
        hlr.send(result(imsi, tuple()));
      }, 10);
      return "silence";
    });
    const all = await Promise.all(Array.from({ length: 10 }, () => wordOf(ask())));
    expect([all.length, most]).toEqual([10, 1]);
    expect(new Set(all)).toEqual(new Set([1]));
  });

  test("PING is answered, ID_ACK is, and what it does not know is passed over", async () => {
    await ask();
    hlr.send(join(frame(0xfe, Uint8Array.of(0)), frame(0xfe, Uint8Array.of(6))));
    hlr.send(join(frame(0xee, Uint8Array.of(6, 1, 2)), frame(0x00, Uint8Array.of(1))));
    hlr.send(gsup(join(Uint8Array.of(0x10), imsiIe(IMSI))));
    expect(await wordOf(ask())).toBe(3);
    expect(hlr.names.length).toBe(1);
  });
});

describe("M3: causes", () => {
  test.each([
    [0x02, "imsi_unknown_at_centre"],
    [0x03, "imsi_refused_by_centre"],
    [0x06, "imsi_refused_by_centre"],
    [0x0b, "imsi_refused_by_centre"],
    [0x0d, "imsi_refused_by_centre"],
    [0x11, "centre_failed"],
    [0x16, "centre_failed"],
    [0x60, "centre_failed"],
    [0xff, "centre_failed"],
  ] as const)("0x%x: %s", async (cause, word) => {
    hlr.script(({ imsi }) => [error(imsi, cause)]);
    expect(await wordOf(ask())).toBe(word);
  });

  test("a wrong AUTS comes back as an unknown IMSI, and is mac_failure", async () => {
    hlr.script(({ imsi, isResynchronisation }) =>
      isResynchronisation ? [error(imsi, 0x02)] : [result(imsi, tuple())],
    );
    expect(await wordOf(ask(IMSI, { resynchronisation }))).toBe("mac_failure");
    expect(await wordOf(ask())).toBe(1);
  });
});

describe("lies", () => {
  const lengths: [string, TupleLengths][] = [
    ["a short RAND", { rand: 15 }],
    ["no RAND", { rand: -1 }],
    ["a long AUTN", { autn: 17 }],
    ["no AUTN", { autn: -1 }],
    ["a short RES", { res: 3 }],
    ["a long RES", { res: 17 }],
    ["no CK", { ck: -1 }],
    ["a short IK", { ik: 8 }],
    ["SRES without Kc", { kc: -1 }],
    ["a short SRES", { sres: 3 }],
    ["nothing", { rand: -1, sres: -1, kc: -1, ik: -1, ck: -1, autn: -1, res: -1 }],
  ];
  test.each(lengths)("centre_answer_invalid: a tuple with %s", async (_, wrong) => {
    hlr.script(({ imsi }) => [result(imsi, tuple(), tuple(wrong))]);
    expect(await wordOf(ask())).toBe("centre_answer_invalid");
    expect(log.join("\n")).toContain("tuple_invalid");
    hlr.script(({ imsi }) => [result(imsi, tuple())]);
    expect(await wordOf(ask())).toBe(1);
  });

  const answers: [string, string, (imsi: string) => Uint8Array][] = [
    ["no tuple", "tuples_missing", (imsi) => result(imsi)],
    [
      "six of them",
      "tuples_too_many",
      (imsi) => result(imsi, ...Array.from({ length: 6 }, () => tuple())),
    ],
    ["no cause", "cause_invalid", (imsi) => gsup(join(Uint8Array.of(9), imsiIe(imsi)))],
    ["a cause of two bytes", "cause_invalid", (imsi) => error(imsi, 2, 2)],
    ["an element that is cut", "element_cut", (imsi) => result(imsi, tuple().slice(0, 60))],
    [
      "one RAND twice in a tuple",
      "tuple_invalid",
      (imsi) => {
        const rand = ie(0x20, random(16));
        return result(imsi, ie(0x03, join(rand, rand, ie(0x21, random(4)), ie(0x22, random(8)))));
      },
    ],
  ];
  test.each(answers)("centre_answer_invalid: %s", async (_, reason, make) => {
    hlr.script(({ imsi }) => [make(imsi)]);
    expect(await wordOf(ask())).toBe("centre_answer_invalid");
    expect(log.join("\n")).toContain(reason);
  });

  const garbage: [string, Uint8Array][] = [
    ["a frame of 1,201 bytes", Uint8Array.of(0x04, 0xb1, 0xee, 0x05)],
    ["the longest frame there is", Uint8Array.of(0xff, 0xff, 0xee)],
    ["an empty frame", Uint8Array.of(0, 0, 0xee)],
    ["HTTP", new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n")],
    ["GSUP without an IMSI", gsup(join(Uint8Array.of(0x0a), tuple()))],
    ["an IMSI of letters", gsup(Uint8Array.of(0x0a, 1, 4, 0xab, 0xcd, 0xef, 0xab))],
    ["an IMSI of 16 digits", gsup(join(Uint8Array.of(0x0a), ie(1, new Uint8Array(8))))],
    ["an empty GSUP message", gsup(new Uint8Array(0))],
  ];
  test.each(garbage)("the connection is given up: %s", async (_, bytes) => {
    hlr.script(() => [bytes]);
    expect(await wordOf(ask())).toBe("centre_answer_invalid");
    expect(log.join("\n")).toContain("gsup_garbled");
    hlr.script(({ imsi }) => [result(imsi, tuple())]);
    await Bun.sleep(300);
    expect(await wordOf(ask())).toBe(1);
    expect([hlr.names.length, hlr.open()]).toEqual([2, 1]);
  });

  test("centre_silent: another subscriber's vectors, and they go to nobody", async () => {
    hlr.script(() => [result(OTHER, tuple())]);
    const { word, took } = await timed(ask());
    expect(word).toBe("centre_silent");
    expect(took).toBeLessThan(4000);
    expect(log.join("\n")).toContain("gsup_answer_unasked");
    expect(log.join("\n")).not.toContain(OTHER);
  });

  test("a second answer, and one nobody asked for, are not kept for later", async () => {
    hlr.script(({ imsi }) => [result(imsi, tuple(), tuple()), result(imsi, tuple())]);
    expect(await wordOf(ask())).toBe(2);
    await Bun.sleep(50);
    hlr.script(({ imsi }) => [error(imsi, 0x11)]);
    expect(await wordOf(ask())).toBe("centre_failed");
  });

  test("an answer a byte at a time, and five of them in one segment", async () => {
    hlr.script(({ imsi }) => [...result(imsi, tuple())].map((byte) => Uint8Array.of(byte)));
    expect(await wordOf(ask())).toBe(1);
    const held: Uint8Array[] = [];
    hlr.script(({ imsi }) => {
      held.push(result(imsi, tuple()));
      return held.length < 5 ? [new Uint8Array(0)] : [join(...held)];
    });
    const five = Array.from({ length: 5 }, (_, i) => wordOf(ask(`00101000000000${i}`)));
    expect(await Promise.all(five)).toEqual([1, 1, 1, 1, 1]);
  });
});

describe("outages", () => {
  test("centre_unreachable: nobody listens, in no time, and then somebody does", async () => {
    const { port } = hlr.address;
    hlr.stop();
    standing = Date.now();
    const first = await timed(ask());
    expect([first.word, first.took < 1000]).toEqual(["centre_unreachable", true]);
    hlr = startLyingHlr(port);
    // In the pause nobody is asked, though there is somebody.
    expect(await wordOf(ask())).toBe("centre_unreachable");
    expect([hlr.names.length, hlr.open()]).toEqual([0, 0]);
    standing += 250;
    expect(await wordOf(ask())).toBe(3);
  });

  test("centre_unreachable: it listens and never asks who we are", async () => {
    hlr.greet(false);
    const { word, took } = await timed(ask());
    expect([word, took < 3000]).toEqual(["centre_unreachable", true]);
    hlr.greet(true);
    await Bun.sleep(300);
    expect(await wordOf(ask())).toBe(3);
    expect(hlr.open()).toBe(1);
  });

  test("centre_silent: the name is still held; the old connection is closed before the next", async () => {
    hlr.script(() => "silence");
    const { word, took } = await timed(ask());
    expect([word, took > 2000, took < 4000]).toEqual(["centre_silent", true, true]);
    await Bun.sleep(20);
    expect(hlr.open()).toBe(0);
    hlr.script(({ imsi }) => [result(imsi, tuple())]);
    await Bun.sleep(300);
    expect(await wordOf(ask())).toBe(1);
    expect(hlr.names).toEqual(["bindpop1", "bindpop1"]);
  });

  test("the pause grows with each silence, and an answer ends it", async () => {
    hlr.greet(false);
    for (let i = 0; i < 3; i++) {
      later += 60_000;
      await ask();
    }
    const pauses = log.flatMap(
      (line) => /"retryMs":(?<ms>[0-9]+)/.exec(line)?.groups?.["ms"] ?? [],
    );
    expect(pauses).toEqual(["250", "500", "1000"]);
    hlr.greet(true);
    later += 60_000;
    expect(await wordOf(ask())).toBe(3);
    hlr.greet(false);
    hlr.script(() => "hang up");
    expect(await wordOf(ask())).toBe("centre_unreachable");
    expect(log.at(-1)).toContain('"retryMs":250');
  }, 20_000);

  test("a connection that breaks under a query is not the query's fault: once more", async () => {
    let times = 0;
    hlr.script(({ imsi }) => {
      times += 1;
      return times === 1 ? "hang up" : [result(imsi, tuple())];
    });
    expect(await wordOf(ask())).toBe(1);
    hlr.script(() => "hang up");
    expect(await wordOf(ask())).toBe("centre_unreachable");
    expect(times).toBe(2);
  });

  test("a connection that was quiet is asked whether it is still there", async () => {
    await ask();
    later += 11_000;
    expect(await wordOf(ask())).toBe(3);
    expect([hlr.pings(), hlr.names.length]).toEqual([1, 1]);
    hlr.answerPings(false);
    later += 11_000;
    const { word, took } = await timed(ask());
    expect([word, took < 2000]).toEqual([3, true]);
    expect(hlr.names.length).toBe(2);
  });

  test("centre_busy: more queries than a point of presence may have under way", async () => {
    hlr.script(() => "silence");
    const waiting = Array.from({ length: QUERIES_UNDER_WAY_MAX }, (_, i) =>
      ask(`001010000000${i + 100}`),
    );
    const { word, took } = await timed(ask());
    expect([word, took < 100]).toEqual(["centre_busy", true]);
    expect(new Set(await Promise.all(waiting.map(wordOf)))).toEqual(new Set(["centre_silent"]));
    hlr.script(({ imsi }) => [result(imsi, tuple())]);
    await Bun.sleep(300);
    expect(await wordOf(ask())).toBe(1);
  });

  test("whatever it waits for, a query ends in six seconds", async () => {
    hlr.script(() => "silence");
    const all = await Promise.all(Array.from({ length: 8 }, () => timed(ask())));
    for (const { word, took } of all) {
      expect(word).toBe("centre_silent");
      expect(took).toBeLessThan(6500);
    }
  }, 20_000);
});
