/** VERIFY PIN and UNBLOCK PIN (TS 102 221 sections 11.1.9, 11.1.13). */
import { describe, expect, test } from "bun:test";
import vectors from "../../vectors/usim_apdu_examples.json";
import { SELECT_USIM, TEST_PROFILE, VERIFY_1234, createUsimInAdf, send } from "./test-card.ts";
import { createUsim } from "./usim.ts";
import type { Usim } from "./usim.ts";

const { apdu } = vectors;
const PROFILE = { ...TEST_PROFILE, pin: "1234", puk: "12345678" };
const VERIFY_WRONG = "002000010831323335ffffffff";
const VERIFY_0000 = "002000010830303030ffffffff";
const QUERY = "00200001";
const UNBLOCK_QUERY = "002c0001";
/** PUK 12345678, new PIN 0000. */
const UNBLOCK = apdu.unblock_pin1.c;
const UNBLOCK_WRONG = UNBLOCK.replace("3132333435363738", "3132333435363739");
const READ_IMSI_BY_SFI = "00b0870009";

function block(usim: Usim): void {
  for (const sw of apdu.verify_pin1.bad.split(" ")) expect(send(usim, VERIFY_WRONG)).toBe(sw);
}

function createCard(): Usim {
  return createUsimInAdf(PROFILE);
}

describe("VERIFY PIN", () => {
  test("the example frame is the one used here", () => {
    expect(VERIFY_1234).toBe(apdu.verify_pin1.c);
  });

  test("right PIN opens what it protects and restores the counter", () => {
    const usim = createCard();
    expect(send(usim, READ_IMSI_BY_SFI)).toBe("6982");
    expect(send(usim, VERIFY_WRONG)).toBe("63c2");
    expect(send(usim, VERIFY_1234)).toBe(apdu.verify_pin1.ok);
    expect(send(usim, READ_IMSI_BY_SFI)).toBe(apdu.read_binary_imsi.r);
    expect(usim.snapshot().pin?.triesLeft).toBe(3);
  });

  test("a wrong PIN ends the verified state", () => {
    const usim = createCard();
    send(usim, VERIFY_1234);
    expect(send(usim, VERIFY_WRONG)).toBe("63c2");
    expect(send(usim, READ_IMSI_BY_SFI)).toBe("6982");
  });

  test("query without data, in four and five bytes, costs no try", () => {
    const usim = createCard();
    expect([send(usim, QUERY), send(usim, `${QUERY}00`)]).toEqual(["63c3", "63c3"]);
    send(usim, VERIFY_WRONG);
    expect(send(usim, QUERY)).toBe("63c2");
    send(usim, VERIFY_1234);
    expect(send(usim, QUERY)).toBe("9000");
  });

  test("three wrong PINs block it, also for the right PIN and after reset", () => {
    const usim = createCard();
    block(usim);
    expect(send(usim, VERIFY_1234)).toBe(apdu.verify_pin1.blocked);
    expect(send(usim, QUERY)).toBe("6983");
    usim.reset();
    expect(send(usim, VERIFY_1234)).toBe("6983");
    expect(usim.snapshot().pin).toEqual({ value: "1234", triesLeft: 0, pukTriesLeft: 10 });
  });

  test("the counter survives in the persisted state", () => {
    const usim = createCard();
    send(usim, VERIFY_WRONG);
    const again = createUsim(PROFILE, JSON.parse(JSON.stringify(usim.snapshot())));
    expect(send(again, QUERY)).toBe("63c2");
  });

  test.each([
    ["seven bytes", "002000010731323334ffffff", "6700"],
    ["nine bytes", "002000010931323334ffffffffff", "6700"],
    ["eight announced, none sent", "0020000108", "6700"],
    ["trailing Le", `${VERIFY_1234}00`, "6700"],
    ["P1", "002001010831323334ffffffff", "6a86"],
    ["PIN2", "002000810831323334ffffffff", "6a88"],
    ["ADM1", "0020000a0831323334ffffffff", "6a88"],
  ])("%s costs no try", (_name, frame, sw) => {
    const usim = createCard();
    expect(send(usim, frame)).toBe(sw);
    expect(send(usim, QUERY)).toBe("63c3");
    expect(send(usim, READ_IMSI_BY_SFI)).toBe("6982");
  });

  test("the filler belongs to the PIN: a longer PIN with the same start is wrong", () => {
    expect(send(createCard(), "00200001083132333435ffffff")).toBe("63c2");
    expect(send(createCard(), "0020000108313233340000ffff")).toBe("63c2");
  });

  test("disabled PIN", () => {
    const usim = createUsimInAdf();
    expect(send(usim, READ_IMSI_BY_SFI)).toBe(apdu.read_binary_imsi.r);
    expect(send(usim, QUERY)).toBe("9000");
    expect(send(usim, VERIFY_1234)).toBe("6984");
    expect(send(usim, UNBLOCK)).toBe("6984");
    expect(usim.snapshot().pin).toBeNull();
  });
});

describe("UNBLOCK PIN", () => {
  test("sets the new PIN, restores both counters and verifies", () => {
    const usim = createCard();
    block(usim);
    expect(send(usim, UNBLOCK_WRONG)).toBe("63c9");
    expect(send(usim, UNBLOCK)).toBe("9000");
    expect(send(usim, READ_IMSI_BY_SFI)).toBe(apdu.read_binary_imsi.r);
    expect(usim.snapshot().pin).toEqual({ value: "0000", triesLeft: 3, pukTriesLeft: 10 });
    usim.reset();
    send(usim, SELECT_USIM);
    expect(send(usim, VERIFY_1234)).toBe("63c2");
    expect(send(usim, VERIFY_0000)).toBe("9000");
  });

  test("the new PIN survives in the persisted state", () => {
    const usim = createCard();
    send(usim, UNBLOCK);
    const again = createUsim(PROFILE, JSON.parse(JSON.stringify(usim.snapshot())));
    expect(send(again, VERIFY_0000)).toBe("9000");
  });

  test("ten wrong unblock keys block the card for good", () => {
    const usim = createCard();
    for (let left = 9; left >= 0; left -= 1) {
      expect(send(usim, UNBLOCK_WRONG)).toBe(`63c${left}`);
    }
    expect(send(usim, UNBLOCK)).toBe("6983");
    expect(send(usim, UNBLOCK_QUERY)).toBe("6983");
    expect(usim.snapshot().pin?.value).toBe("1234");
  });

  test.each([
    ["query", UNBLOCK_QUERY, "63ca"],
    ["eight bytes", "002c0001083132333435363738", "6700"],
    ["P1", UNBLOCK.replace("002c00", "002c01"), "6a86"],
    ["key reference", UNBLOCK.replace("002c0001", "002c0081"), "6a88"],
    ["new PIN of three digits", UNBLOCK.replace("30303030ffffffff", "303030ffffffffff"), "6a80"],
    ["new PIN not digits", UNBLOCK.replace("30303030ffffffff", "3030303affffffff"), "6a80"],
    ["gap in the new PIN", UNBLOCK.replace("30303030ffffffff", "3030ff3030303030"), "6a80"],
  ])("%s costs no try", (_name, frame, sw) => {
    const usim = createCard();
    expect(send(usim, frame)).toBe(sw);
    expect(usim.snapshot().pin).toEqual({ value: "1234", triesLeft: 3, pukTriesLeft: 10 });
  });

  test("a card without an unblock key", () => {
    expect(send(createUsimInAdf({ pin: "1234" }), UNBLOCK)).toBe("6a88");
  });
});
