/** How commands and answers cross on a TF card (docs/protocol.md, section 7). */
import { chainCommand, type Response } from "#protocol/apdu";
import { CLA, DATA_OBJECT, INS, SW } from "#protocol/assigned-numbers";
import { concatBytes } from "#protocol/bytes";
import { decodeCardStatus, formatSw } from "#terminal/card";
import { type Bench, getData, reach, send, transmit, UnreachedError } from "./bench.ts";
import { attempt, onlyOn, type Row } from "./row.ts";
import { isS2, prepareStart, readOpening } from "./session.ts";

const STATUS = [CLA.interindustry, INS.getData, 0, 0x80];
const CHAIN_BYTES_MAX = 2048;
/** The longest answer has 357 bytes. */
const PARTS_MAX = 9;
/** A chain of START SESSION goes in pieces of this many bytes, far less than would fit. */
const PIECE_BYTES = 40;

function startApdu(cla: number, data: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(cla | 0x80, INS.startSession, 0, 0, data.length), data);
}

/** START SESSION in pieces, up to the last command's answer. */
async function startInPieces(bench: Bench, data: Uint8Array): Promise<Response> {
  for (let at = 0; ; at += PIECE_BYTES) {
    const piece = data.subarray(at, at + PIECE_BYTES);
    if (at + PIECE_BYTES >= data.length) return transmit(bench, startApdu(0, piece));
    reach("chained command", await transmit(bench, startApdu(CLA.chaining, piece)));
  }
}

function getResponse(bench: Bench, le: number): Promise<Response> {
  return transmit(bench, [CLA.interindustry, INS.getResponse, 0, 0, le]);
}

/** START SESSION in as few commands as it takes, up to the last command's answer. */
async function startWhole(bench: Bench, data: Uint8Array): Promise<Response> {
  const command = { cla: CLA.proprietary, ins: INS.startSession, p1p2: 0, data };
  let answer: Response = { sw: 0, data: new Uint8Array(0) };
  for (const apdu of chainCommand(command)) answer = await transmit(bench, apdu);
  return answer;
}

/** START SESSION whose answer waits; its length. Throws UnreachedError. */
async function leaveWaiting(bench: Bench): Promise<number> {
  const { sw } = await startWhole(bench, prepareStart(bench).data);
  if (sw >> 8 !== SW.bytesRemaining >> 8) throw new UnreachedError("no 61xx after START SESSION");
  return sw & 0xff;
}

/** All that waits after `first`, which may have said 61xx. */
async function collect(bench: Bench, first: Response): Promise<Response> {
  const parts: Uint8Array[] = [];
  let part: Response = { sw: first.sw, data: new Uint8Array(0) };
  while (isWaiting(part) && parts.length < PARTS_MAX) {
    part = await getResponse(bench, part.sw & 0xff);
    parts.push(part.data);
  }
  return { sw: part.sw, data: concatBytes(...parts) };
}

function isWaiting({ sw }: Response): boolean {
  return sw >> 8 === SW.bytesRemaining >> 8;
}

export const TF_ROWS: readonly Row[] = onlyOn("TF", [
  {
    id: "TF-01",
    section: "7",
    sends: "GET DATA status with Le too small, too large, then the xx of 6Cxx",
    expects: "6Cxx, 6Cxx, 9000 with xx bytes",
    async run(bench, seen) {
      const small = await transmit(bench, STATUS, [0x01]);
      const right = small.sw & 0xff;
      seen.sw("Le 01", small, SW.wrongLe | right);
      seen.holds("6Cxx", small.sw >> 8 === SW.wrongLe >> 8 && right > 1, formatSw(small.sw));
      seen.sw("one too many", await transmit(bench, STATUS, [right + 1]), SW.wrongLe | right);
      const answer = await transmit(bench, STATUS, [right]);
      seen.sw("Le xx", answer, SW.success);
      seen.holds("the status", decodeCardStatus(answer.data) !== undefined);
    },
  },
  {
    id: "TF-02",
    section: "7",
    sends: "START SESSION, then GET RESPONSE with Le xx",
    expects: "61xx, then xx bytes and 9000",
    async run(bench, seen) {
      const started = await startWhole(bench, prepareStart(bench).data);
      seen.holds("61xx", isWaiting(started), formatSw(started.sw));
      const xx = started.sw & 0xff;
      const answer = await getResponse(bench, xx);
      // 6100 says 256 or more.
      seen.holds("9000", xx === 0 || answer.sw === SW.success, formatSw(answer.sw));
      const { length } = answer.data;
      seen.holds("xx bytes", length === (xx === 0 ? 256 : xx), `${length} bytes`);
    },
  },
  {
    id: "TF-03",
    section: "7",
    sends: "GET RESPONSE with Le 10 twice, then with what is left",
    expects: "10 bytes and 61xx, twice; the rest and 9000: the whole answer",
    async run(bench, seen) {
      const start = prepareStart(bench);
      await startWhole(bench, start.data);
      const parts: Uint8Array[] = [];
      let part: Response = { sw: 0, data: new Uint8Array(0) };
      for (let i = 0; i < 2; i++) {
        part = await getResponse(bench, 10);
        seen.holds("61xx", isWaiting(part), formatSw(part.sw));
        seen.holds("10 bytes", part.data.length === 10, `${part.data.length} bytes`);
        parts.push(part.data);
      }
      const rest = await collect(bench, part);
      seen.sw("the rest", rest, SW.success);
      parts.push(rest.data);
      seen.holds("S2 verifies", isS2(bench, readOpening(bench, start, concatBytes(...parts))));
    },
  },
  {
    id: "TF-04",
    section: "7",
    sends: "GET RESPONSE with Le above what waits, then with the xx of 6Cxx",
    expects: "6Cxx, then the answer: it still waits",
    async run(bench, seen) {
      await leaveWaiting(bench);
      let left = 0;
      while (left === 0) {
        const part = await getResponse(bench, 10);
        if (!isWaiting(part)) throw new UnreachedError(`GET RESPONSE: ${formatSw(part.sw)}`);
        left = part.sw & 0xff;
      }
      seen.sw("one too many", await getResponse(bench, left + 1), SW.wrongLe | left);
      const rest = await getResponse(bench, left);
      seen.sw("Le xx", rest, SW.success);
      seen.holds("xx bytes", rest.data.length === left, `${rest.data.length} bytes`);
    },
  },
  {
    id: "TF-05",
    section: "7",
    sends: "START SESSION, an unknown command, GET RESPONSE",
    expects: "6985: what waited is lost with another command",
    async run(bench, seen) {
      await leaveWaiting(bench);
      await transmit(bench, [CLA.proprietary, 0x04, 0, 0]);
      seen.sw("GET RESPONSE", await getResponse(bench, 0x10), SW.conditionsNotSatisfied);
    },
  },
  {
    id: "TF-06",
    section: "7",
    sends: "GET RESPONSE with nothing waiting",
    expects: "6985",
    async run(bench, seen) {
      seen.sw("GET RESPONSE", await getResponse(bench, 0x10), SW.conditionsNotSatisfied);
    },
  },
  {
    id: "TF-07",
    section: "7",
    sends: "GET RESPONSE with P1 P2 0001 while an answer waits",
    expects: "6A86",
    async run(bench, seen) {
      await leaveWaiting(bench);
      const answer = await transmit(bench, [0, INS.getResponse, 0, 1, 0x10]);
      seen.sw("GET RESPONSE", answer, SW.incorrectP1P2);
    },
  },
  {
    id: "TF-08",
    section: "7",
    sends: "GET DATA certificate with Le 00",
    expects: "256 bytes and 61xx; GET RESPONSE gives the rest",
    needs: ["long certificate"],
    async run(bench, seen) {
      const { certificate } = bench;
      const first = await transmit(bench, [0, INS.getData, 0x7f, 0x21, 0]);
      seen.holds("61xx", isWaiting(first), formatSw(first.sw));
      seen.same("256 bytes", first.data, certificate.subarray(0, 256));
      const whole = await getData(bench, DATA_OBJECT.certificate);
      seen.same("the certificate", whole.data, certificate);
    },
  },
  {
    id: "TF-09",
    section: "7",
    sends: "START SESSION chained in pieces of 40 bytes",
    expects: "9000 each, 61xx at the end, S2 over the whole",
    async run(bench, seen) {
      const start = prepareStart(bench);
      await attempt(seen, "S2 verifies", async () => {
        const answer = await collect(bench, await startInPieces(bench, start.data));
        seen.sw("START SESSION", answer, SW.success);
        return isS2(bench, readOpening(bench, start, answer.data));
      });
    },
  },
  {
    id: "TF-10",
    section: "7",
    sends: "half of a chained START SESSION, then GET DATA",
    expects: "6883",
    async run(bench, seen) {
      const { data } = prepareStart(bench);
      const half = data.subarray(0, PIECE_BYTES);
      reach("chained command", await transmit(bench, startApdu(CLA.chaining, half)));
      seen.sw("GET DATA", await transmit(bench, STATUS, [0]), SW.lastCommandOfChainExpected);
    },
  },
  {
    id: "TF-11",
    section: "7",
    sends: "after 6883: the other half, not chained",
    expects: "6A80: the chain was dropped",
    async run(bench, seen) {
      const { data } = prepareStart(bench);
      const half = data.subarray(0, PIECE_BYTES);
      reach("chained command", await transmit(bench, startApdu(CLA.chaining, half)));
      await transmit(bench, STATUS, [0]);
      const rest = await send(bench, INS.startSession, data.subarray(PIECE_BYTES));
      seen.sw("the other half", rest, SW.incorrectData);
    },
  },
  {
    id: "TF-12",
    section: "7",
    sends: "START SESSION of 2,048 bytes in a chain, then of 2,049",
    expects: "6A80, then 6700: a chain holds 2,048",
    async run(bench, seen) {
      const fits = await send(bench, INS.startSession, new Uint8Array(CHAIN_BYTES_MAX));
      seen.sw("2,048", fits, SW.incorrectData);
      const more = await send(bench, INS.startSession, new Uint8Array(CHAIN_BYTES_MAX + 1));
      seen.sw("2,049", more, SW.wrongLength);
    },
  },
  {
    id: "TF-13",
    section: "7",
    sends: "a chained command with Le, one without data",
    expects: "6700",
    async run(bench, seen) {
      const piece = startApdu(CLA.chaining, new Uint8Array(8));
      seen.sw("with Le", await transmit(bench, piece, [0]), SW.wrongLength);
      const empty = await transmit(bench, [0x90, INS.startSession, 0, 0]);
      seen.sw("without data", empty, SW.wrongLength);
    },
  },
  {
    id: "TF-14",
    section: "7",
    sends: "Lc above and below what follows; an extended length",
    expects: "6700",
    isOptional: true,
    async run(bench, seen) {
      const ins = INS.startSession;
      const long = await transmit(bench, [0x80, ins, 0, 0, 9], new Uint8Array(8));
      seen.sw("Lc above", long, SW.wrongLength);
      const short = await transmit(bench, [0x80, ins, 0, 0, 6], new Uint8Array(8));
      seen.sw("Lc below", short, SW.wrongLength);
      const wide = await transmit(bench, [0x80, ins, 0, 0, 0, 0, 8], new Uint8Array(8));
      seen.sw("extended", wide, SW.wrongLength);
    },
  },
]);
