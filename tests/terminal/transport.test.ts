import { expect, test } from "bun:test";
import { decodeHex, encodeHex } from "#protocol/bytes";
import { type CardTransport, createSdTransport, exchangeApdu } from "#terminal/transport";

interface Script extends CardTransport {
  readonly sent: string[];
}

/** A card that gives these answers in turn, in hex, and notes what it was sent. */
function script(...answers: readonly string[]): Script {
  const sent: string[] = [];
  return {
    sent,
    async transmit(apdu) {
      const answer = decodeHex(answers[sent.length] ?? "");
      sent.push(encodeHex(apdu));
      if (answer === undefined) throw new Error("the script is not hex");
      return answer;
    },
  };
}

const ANSWER_INS = { cla: 0x80, ins: 0x12, p1p2: 0 };

test("data over 255 bytes goes out as a chain whose parts but the last have CLA bit 10", async () => {
  const card = script("9000", "9000", "9000");
  const data = Uint8Array.from({ length: 600 }, (_, index) => index & 0xff);
  const response = await exchangeApdu(card, { ...ANSWER_INS, data });
  expect(response?.sw).toBe(0x9000);
  expect(card.sent.map((apdu) => apdu.slice(0, 10))).toEqual([
    "90120000ff",
    "90120000ff",
    "801200005a",
  ]);
  expect(card.sent.map((apdu) => apdu.slice(10)).join("")).toBe(encodeHex(data));
});

test("exactly 255 bytes need no chain", async () => {
  const card = script("9000");
  await exchangeApdu(card, { ...ANSWER_INS, data: new Uint8Array(255) });
  expect(card.sent.map((apdu) => apdu.slice(0, 10))).toEqual(["80120000ff"]);
});

test("a chain that the card breaks off ends with the card's status word", async () => {
  const card = script("9000", "6883");
  const response = await exchangeApdu(card, { ...ANSWER_INS, data: new Uint8Array(600) });
  expect(response?.sw).toBe(0x6883);
  expect(card.sent).toHaveLength(2);
});

test("61xx is fetched with GET RESPONSE of class 00 until the card says 9000", async () => {
  const card = script("6103", "0102036102", "04059000");
  const response = await exchangeApdu(card, { ...ANSWER_INS, data: Uint8Array.of(1) });
  expect(response).toEqual({ data: Uint8Array.of(1, 2, 3, 4, 5), sw: 0x9000 });
  expect(card.sent.slice(1)).toEqual(["00c0000003", "00c0000002"]);
});

test("6100 asks for 256 bytes, and 6Cxx during GET RESPONSE is corrected", async () => {
  const card = script("6100", "6c02", "aabb9000");
  const response = await exchangeApdu(card, { ...ANSWER_INS, data: Uint8Array.of(1) });
  expect(response).toEqual({ data: Uint8Array.of(0xaa, 0xbb), sw: 0x9000 });
  expect(card.sent.slice(1)).toEqual(["00c0000000", "00c0000002"]);
});

test("6Cxx repeats the command with the right Le, in every case of a command", async () => {
  const cases = [
    { command: { cla: 0, ins: 0xca, p1p2: 0x80 }, repeated: "00ca008005" },
    { command: { cla: 0, ins: 0xca, p1p2: 0x80, le: 256 }, repeated: "00ca008005" },
    {
      command: { cla: 0, ins: 0x2a, p1p2: 0x9e9a, data: Uint8Array.of(7, 8) },
      repeated: "002a9e9a02070805",
    },
    {
      command: { cla: 0, ins: 0x2a, p1p2: 0x9e9a, data: Uint8Array.of(7, 8), le: 256 },
      repeated: "002a9e9a02070805",
    },
  ];
  for (const { command, repeated } of cases) {
    const card = script("6c05", "01020304059000");
    expect((await exchangeApdu(card, command))?.data).toEqual(Uint8Array.of(1, 2, 3, 4, 5));
    expect(card.sent[1]).toBe(repeated);
  }
});

test("a card that says 6Cxx for ever is asked twice, one that says 61xx for ever 65 times", async () => {
  const wrongLe = script("6c05", "6c05");
  expect((await exchangeApdu(wrongLe, { cla: 0, ins: 0xca, p1p2: 0x80 }))?.sw).toBe(0x6c05);
  expect(wrongLe.sent).toHaveLength(2);
  let count = 0;
  const endless: CardTransport = {
    async transmit() {
      count += 1;
      if (count > 1000) throw new Error("nobody cut it off");
      return Uint8Array.of(0x61, 0x01);
    },
  };
  expect(await exchangeApdu(endless, { cla: 0, ins: 0xca, p1p2: 0x80 })).toBeUndefined();
  expect(count).toBe(65);
});

test("an answer over 8 KiB is cut off", async () => {
  let count = 0;
  const endless: CardTransport = {
    async transmit() {
      count += 1;
      if (count > 1000) throw new Error("nobody cut it off");
      const answer = new Uint8Array(258);
      answer.set([0x61, 0x00], 256);
      return answer;
    },
  };
  expect(await exchangeApdu(endless, { cla: 0, ins: 0xca, p1p2: 0x80 })).toBeUndefined();
  expect(count).toBeLessThan(40);
});

test("a certificate of 1,000 bytes comes in four answers to GET RESPONSE", async () => {
  const certificate = Uint8Array.from({ length: 1000 }, (_, index) => index & 0xff);
  const part = (from: number, to: number, sw: string): string =>
    encodeHex(certificate.subarray(from, to)) + sw;
  const card = script(
    "6100",
    part(0, 256, "6100"),
    part(256, 512, "6100"),
    part(512, 768, "61e8"),
    part(768, 1000, "9000"),
  );
  const response = await exchangeApdu(card, { cla: 0, ins: 0xca, p1p2: 0x7f21, le: 256 });
  expect(response).toEqual({ data: certificate, sw: 0x9000 });
  expect(card.sent.slice(1)).toEqual(["00c0000000", "00c0000000", "00c0000000", "00c00000e8"]);
});

/** An SD card that gives this answer, and the one APDU it was sent. */
function scriptBlocks(answer: Uint8Array): Script {
  const sent: string[] = [];
  return {
    sent,
    async transmit(blocks) {
      sent.push(encodeHex(blocks));
      return answer;
    },
  };
}

function frame(apdu: Uint8Array, blocks = Math.ceil((2 + apdu.length) / 512)): Uint8Array {
  const bytes = new Uint8Array(512 * blocks);
  bytes.set([apdu.length >> 8, apdu.length & 0xff]);
  bytes.set(apdu, 2);
  return bytes;
}

test("SD: extended lengths in every case of a command (ISO 7816-4, 5.1), in blocks of 512", async () => {
  const long = new Uint8Array(600).fill(0xab);
  const cases = [
    { command: { cla: 0, ins: 0xa4, p1p2: 0x0400 }, apdu: "00a40400" },
    { command: { cla: 0, ins: 0xca, p1p2: 0x80, le: 256 }, apdu: "00ca0080000000" },
    { command: { ...ANSWER_INS, data: Uint8Array.of(7, 8) }, apdu: "801200000000020708" },
    { command: { ...ANSWER_INS, data: long }, apdu: `80120000000258${encodeHex(long)}` },
    {
      command: { ...ANSWER_INS, data: Uint8Array.of(7), le: 1 },
      apdu: "80120000000001070000",
    },
  ];
  for (const { command, apdu } of cases) {
    const device = scriptBlocks(frame(Uint8Array.of(1, 2, 3, 0x90, 0x00)));
    const response = await exchangeApdu(createSdTransport(device), command);
    expect(response).toEqual({ data: Uint8Array.of(1, 2, 3), sw: 0x9000 });
    expect(device.sent).toEqual([encodeHex(frame(Uint8Array.fromHex(apdu)))]);
  }
});

test("SD: answers of 510, 511 and 4,000 bytes fill one, two and eight blocks", async () => {
  for (const length of [2, 510, 511, 4000]) {
    const answer = new Uint8Array(length).fill(0xee);
    answer.set([0x90, 0x00], length - 2);
    const device = scriptBlocks(frame(answer));
    const response = await exchangeApdu(createSdTransport(device), ANSWER_INS);
    expect(response?.data).toEqual(answer.slice(0, -2));
  }
});

test("SD: 61xx and 6Cxx are what the card says, nothing is asked again", async () => {
  for (const sw of [0x6105, 0x6c05, 0x6884]) {
    const device = scriptBlocks(frame(Uint8Array.of(sw >> 8, sw & 0xff)));
    expect((await exchangeApdu(createSdTransport(device), ANSWER_INS))?.sw).toBe(sw);
    expect(device.sent).toHaveLength(1);
  }
});

test("SD: a frame cut, too long, with a tail or without a status word is no answer", async () => {
  const good = frame(Uint8Array.of(1, 0x90, 0x00));
  const tail = good.slice();
  tail[511] = 1;
  const wrong = [
    new Uint8Array(0),
    good.slice(0, 511),
    good.slice(0, 5),
    frame(Uint8Array.of(1, 0x90, 0x00), 2),
    tail,
    frame(Uint8Array.of(0x90)),
    frame(new Uint8Array(0)),
    Uint8Array.of(0xff, 0xff, ...new Uint8Array(510)),
    frame(Uint8Array.from([...new Uint8Array(8193), 0x90, 0x00])),
  ];
  for (const answer of wrong) {
    const transport = createSdTransport(scriptBlocks(answer));
    expect(await exchangeApdu(transport, ANSWER_INS)).toBeUndefined();
  }
});
