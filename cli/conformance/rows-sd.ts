/** How commands and answers cross on an SD card (docs/protocol.md, section 7). */
import { CLA, INS, SD_BLOCK_BYTES, SW } from "#protocol/assigned-numbers";
import { concatBytes } from "#protocol/bytes";
import { decodeCardStatus, formatSw } from "#terminal/card";
import { type Bench, send, transmit, UnreachedError } from "./bench.ts";
import { onlyOn, type Row } from "./row.ts";
import { answerData, isS2, prepareStart, readOpening, RES, statementOf } from "./session.ts";

const STATUS = [CLA.interindustry, INS.getData, 0, 0x80];

/** Le is SW2 of 6Cxx. Throws UnreachedError. */
async function findLength(bench: Bench, command: readonly number[]): Promise<number> {
  const { sw } = await transmit(bench, command, [0x01]);
  if (sw >> 8 !== SW.wrongLe >> 8) throw new UnreachedError("Le 01 is not answered by 6Cxx");
  return sw & 0xff;
}

/** Extended APDUs, cases 2E, 3E and 4E (ISO 7816-4, 5.1). */
function extended(header: readonly number[], data: Uint8Array, le?: number): Uint8Array {
  const lc = data.length === 0 ? [] : [0, data.length >> 8, data.length & 0xff];
  const marker = data.length === 0 ? [0] : [];
  const tail = le === undefined ? [] : [...marker, le >> 8, le & 0xff];
  return concatBytes(Uint8Array.from([...header, ...lc]), data, Uint8Array.from(tail));
}

const START = [CLA.proprietary, INS.startSession, 0, 0];

export const SD_ROWS: readonly Row[] = onlyOn("SD", [
  {
    id: "SD-01",
    section: "7",
    sends: "START SESSION in one extended APDU without Le, with Le 0000",
    expects: "9000 and the whole answer",
    async run(bench, seen) {
      for (const le of [undefined, 0]) {
        const start = prepareStart(bench);
        const answer = await transmit(bench, extended(START, start.data, le));
        seen.sw("START SESSION", answer, SW.success);
        seen.holds("S2 verifies", isS2(bench, readOpening(bench, start, answer.data)));
      }
    },
  },
  {
    id: "SD-02",
    section: "7",
    sends: "GET DATA status in a short APDU, with Le 00 and without",
    expects: "9000 and the status",
    async run(bench, seen) {
      for (const le of [[], [0]]) {
        const answer = await transmit(bench, STATUS, le);
        seen.sw("GET DATA", answer, SW.success);
        seen.holds("the status", decodeCardStatus(answer.data) !== undefined);
      }
    },
  },
  {
    id: "SD-03",
    section: "7",
    sends: "a chained command",
    expects: "6884",
    async run(bench, seen) {
      const answer = await transmit(bench, [0x90, INS.startSession, 0, 0, 8], new Uint8Array(8));
      seen.sw("chained", answer, SW.chainingNotSupported);
    },
  },
  {
    id: "SD-04",
    section: "7",
    sends: "GET RESPONSE",
    expects: "6D00",
    async run(bench, seen) {
      seen.sw(
        "GET RESPONSE",
        await transmit(bench, [0, INS.getResponse, 0, 0, 0]),
        SW.instructionNotSupported,
      );
    },
  },
  {
    id: "SD-05",
    section: "7",
    sends: "GET DATA status with Le 01, with the xx of 6Cxx, with one more",
    expects: "6Cxx; 9000; 9000",
    async run(bench, seen) {
      const right = await findLength(bench, STATUS);
      seen.sw("Le xx", await transmit(bench, STATUS, [right]), SW.success);
      seen.sw("one more", await transmit(bench, STATUS, [right + 1]), SW.success);
      seen.sw("one less", await transmit(bench, STATUS, [right - 1]), SW.wrongLe | right);
    },
  },
  {
    id: "SD-06",
    section: "7",
    sends: "an answer of more than 255 bytes asked for with Le 16",
    expects: "6C00",
    needs: ["long certificate"],
    async run(bench, seen) {
      const answer = await transmit(bench, [0, INS.getData, 0x7f, 0x21, 16]);
      seen.sw("GET DATA", answer, SW.wrongLe);
    },
  },
  {
    id: "SD-07",
    section: "7",
    sends: "START SESSION with Le 0001, then ANSWER or OPEN CHALLENGE",
    expects: "6Cxx; the session is open: the command has run",
    async run(bench, seen) {
      const { data } = prepareStart(bench);
      const { sw } = await transmit(bench, extended(START, data, 1));
      seen.holds("6Cxx", sw >> 8 === SW.wrongLe >> 8, formatSw(sw));
      const isSigned = bench.mode === "signed";
      const ins = isSigned ? INS.answer : INS.openChallenge;
      const none = Uint8Array.of(0);
      const statement = statementOf(RES);
      const next = await send(bench, ins, isSigned ? answerData(bench, statement, 0) : none);
      seen.sw("then", next, isSigned ? SW.success : SW.incorrectData);
    },
  },
  {
    id: "SD-08",
    section: "7",
    sends: "extended Lc above and below what follows",
    expects: "6700",
    async run(bench, seen) {
      for (const lc of [7, 9]) {
        const answer = await transmit(bench, START, [0, 0, lc], new Uint8Array(8));
        seen.sw(`Lc ${lc}`, answer, SW.wrongLength);
      }
    },
  },
  {
    id: "SD-09",
    section: "7",
    sends: "GET DATA status in a block of 512 bytes",
    expects: "whole blocks: 2 bytes length, the APDU, zeros",
    needs: ["blocks"],
    async run(bench, seen) {
      const frame = await transmitFrame(bench, frameOf(Uint8Array.from(STATUS)));
      const end = 2 + (frame[0] ?? 0) * 256 + (frame[1] ?? 0);
      const blocks = Math.ceil(end / SD_BLOCK_BYTES);
      seen.holds("whole blocks", frame.length === blocks * SD_BLOCK_BYTES, `${frame.length} bytes`);
      seen.holds("zeros", !frame.subarray(end).some((byte) => byte !== 0));
      const status = decodeCardStatus(frame.subarray(2, end - 2));
      seen.holds("the status", status !== undefined);
    },
  },
  {
    id: "SD-10",
    section: "7",
    sends: "a block too many, bytes behind the APDU, half a block, a length too large",
    expects: "6700",
    needs: ["blocks"],
    async run(bench, seen) {
      const good = frameOf(Uint8Array.from(STATUS));
      const dirty = good.slice();
      dirty[SD_BLOCK_BYTES - 1] = 1;
      const large = good.slice();
      large.set([2, 0]);
      const bad = { more: concatBytes(good, new Uint8Array(512)), dirty, large };
      for (const [what, frame] of Object.entries({ ...bad, half: good.slice(0, 256) })) {
        const answer = await transmitFrame(bench, frame);
        const sw = (answer[2] ?? 0) * 256 + (answer[3] ?? 0);
        seen.sw(what, { sw, data: new Uint8Array(0) }, SW.wrongLength);
      }
    },
  },
]);

function frameOf(apdu: Uint8Array): Uint8Array {
  const frame = new Uint8Array(SD_BLOCK_BYTES);
  frame.set([0, apdu.length]);
  frame.set(apdu, 2);
  return frame;
}

async function transmitFrame({ slot }: Bench, frame: Uint8Array): Promise<Uint8Array> {
  if (slot.transmitBlocks === undefined) throw new UnreachedError("the slot shows no blocks");
  return slot.transmitBlocks(frame);
}
