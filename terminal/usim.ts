/**
 * A USIM behind a transmit function: the application is found through EF_DIR (TS 102 221, 13.1),
 * EF_IMSI read (TS 31.102, 4.2.2) and AUTHENTICATE run in the 3G context (TS 31.102, 7.1).
 */
import type { Command, Response } from "#protocol/apdu";
import { LENGTH, SW } from "#protocol/assigned-numbers";
import { type Bytes, concatBytes } from "#protocol/bytes";
import { IMSI_PATTERN } from "#protocol/identifiers";
import type { ModuleAnswer } from "#protocol/messages";
import { type IdentityModule, type ModuleChallenge, ModuleError } from "./module.ts";
import { type CardTransport, exchangeApdu } from "./transport.ts";

/** RID of 3GPP and application code of the USIM (TS 101 220, annex E). */
const USIM_AID_PREFIX = Uint8Array.of(0xa0, 0x00, 0x00, 0x00, 0x87, 0x10, 0x02);
const MF = Uint8Array.of(0x3f, 0x00);
const EF_DIR = Uint8Array.of(0x2f, 0x00);
const EF_IMSI = Uint8Array.of(0x6f, 0x07);
const EF_IMSI_BYTES = 9;
/** Applications on real cards: USIM, ISIM, CSIM and a few more. */
const DIR_RECORDS_MAX = 16;
const INS_READ_RECORD = 0xb2;
const INS_READ_BINARY = 0xb0;
const INS_SELECT = 0xa4;
const INS_AUTHENTICATE = 0x88;
/** P2 of SELECT: return the FCP, as every UICC does. */
const SELECT_BY_FILE_ID = 0x0004;
const SELECT_BY_AID = 0x0404;
/** P2: bit 8, specific reference data; 1, 3G security context. */
const AUTHENTICATE_3G = 0x0081;
/** RES is 4 to 16 bytes (TS 33.102, 6.3.7). */
const RES_BYTES_MIN = 4;
const RES_BYTES_MAX = 16;
const KEY_BYTES = 16;
const KC_BYTES = 8;
const TAG_SUCCESS = 0xdb;
const TAG_SYNCHRONISATION_FAILURE = 0xdc;

/** The application is selected at the first use and stays selected. */
export function createUsimModule(transport: CardTransport): IdentityModule {
  let selected = false;
  const useApplication = async (): Promise<void> => {
    if (!selected) await selectApplication(transport);
    selected = true;
  };
  return {
    kind: "USIM",
    async readImsi() {
      await useApplication();
      const what = "EF_IMSI";
      await runOrThrow(transport, what, selectFile(SELECT_BY_FILE_ID, EF_IMSI));
      const file = await runOrThrow(transport, what, {
        cla: 0,
        ins: INS_READ_BINARY,
        p1p2: 0,
        le: EF_IMSI_BYTES,
      });
      const imsi = decodeImsiFile(file);
      if (imsi === undefined) throw new ModuleError("malformed", what);
      return imsi;
    },
    async authenticate(challenge) {
      await useApplication();
      return { answer: await authenticate3g(transport, challenge) };
    },
  };
}

async function authenticate3g(
  transport: CardTransport,
  challenge: ModuleChallenge,
): Promise<ModuleAnswer> {
  const what = "AUTHENTICATE";
  const [rand] = challenge.rands;
  const { autn } = challenge;
  if (rand === undefined || challenge.rands.length !== 1 || autn.length !== LENGTH.autn)
    throw new ModuleError("unsuitable_challenge", what);
  const data = concatBytes(Uint8Array.of(rand.length), rand, Uint8Array.of(autn.length), autn);
  const response = await run(transport, what, {
    cla: 0,
    ins: INS_AUTHENTICATE,
    p1p2: AUTHENTICATE_3G,
    data,
  });
  const answer = decodeAuthenticateResponse(response);
  response.data.fill(0);
  if (answer === undefined) throw new ModuleError("malformed", what);
  return answer;
}

/**
 * DB RES CK IK [Kc], each with its length; DC AUTS; any status word but 9000 is a refusal (9862:
 * the network is not authentic). CK, IK and Kc are checked for their length and left out.
 */
export function decodeAuthenticateResponse(response: Response): ModuleAnswer | undefined {
  if (response.sw !== SW.success) return { kind: "refusal", statusWord: response.sw };
  const [tag] = response.data;
  const values = splitByLengths(response.data.subarray(1));
  if (values === undefined) return undefined;
  const [first, ck, ik, kc] = values;
  if (tag === TAG_SYNCHRONISATION_FAILURE) {
    if (values.length !== 1 || first?.length !== LENGTH.auts) return undefined;
    return { kind: "auts", auts: first.slice() };
  }
  if (tag !== TAG_SUCCESS || first === undefined || values.length > 4) return undefined;
  if (first.length < RES_BYTES_MIN || first.length > RES_BYTES_MAX) return undefined;
  if (ck?.length !== KEY_BYTES || ik?.length !== KEY_BYTES) return undefined;
  if (kc !== undefined && kc.length !== KC_BYTES) return undefined;
  return { kind: "res", values: [first.slice()] };
}

/** Views of the values in a row of (length byte, value); undefined when the last is cut. */
function splitByLengths(bytes: Bytes): Bytes[] | undefined {
  const values: Bytes[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    const start = offset + 1;
    const end = start + (bytes[offset] ?? 0);
    if (end > bytes.length) return undefined;
    values.push(bytes.subarray(start, end));
    offset = end;
  }
  return values;
}

/**
 * EF_IMSI: length, then the parity nibble (9 odd, 1 even) and the digits with nibbles swapped
 * (TS 24.008, 10.5.1.4); what follows the length's bytes is filler. Undefined when it is no IMSI.
 */
export function decodeImsiFile(file: Uint8Array): string | undefined {
  const [length, first] = file;
  if (file.length !== EF_IMSI_BYTES || length === undefined || first === undefined)
    return undefined;
  if (length === 0 || length >= EF_IMSI_BYTES) return undefined;
  const parity = first & 0x0f;
  if (parity !== 0x9 && parity !== 0x1) return undefined;
  let digits = (first >> 4).toString(16);
  for (const byte of file.subarray(2, 1 + length))
    digits += (byte & 0x0f).toString(16) + (byte >> 4).toString(16);
  if (parity === 0x1) {
    if (!digits.endsWith("f")) return undefined;
    digits = digits.slice(0, -1);
  }
  return IMSI_PATTERN.test(digits) ? digits : undefined;
}

async function selectApplication(transport: CardTransport): Promise<void> {
  const aid = (await findUsimAid(transport)) ?? USIM_AID_PREFIX;
  await runOrThrow(transport, "ADF.USIM", selectFile(SELECT_BY_AID, aid));
}

/** The full AID from EF_DIR; undefined when the card has no readable directory. */
async function findUsimAid(transport: CardTransport): Promise<Uint8Array | undefined> {
  const what = "EF_DIR";
  for (const file of [MF, EF_DIR]) {
    const response = await run(transport, what, selectFile(SELECT_BY_FILE_ID, file));
    if (response.sw !== SW.success) return undefined;
  }
  for (let record = 1; record <= DIR_RECORDS_MAX; record++) {
    const response = await run(transport, what, {
      cla: 0,
      ins: INS_READ_RECORD,
      // P2 04: the record number in P1 is absolute (TS 102 221, 11.1.5).
      p1p2: record * 256 + 0x04,
      le: 256,
    });
    if (response.sw !== SW.success) return undefined;
    const aid = decodeDirRecord(response.data);
    if (aid !== undefined && startsWith(aid, USIM_AID_PREFIX)) return aid;
  }
  return undefined;
}

/** The AID of a directory record: 61 L 4F L AID, then whatever else (TS 102 221, 13.1). */
export function decodeDirRecord(record: Uint8Array): Uint8Array | undefined {
  const [template, length = 0, tag, aidLength = 0] = record;
  if (template !== 0x61 || tag !== 0x4f || aidLength < 5 || aidLength > 16) return undefined;
  const end = 4 + aidLength;
  return aidLength + 2 > length || end > record.length ? undefined : record.slice(4, end);
}

function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  return prefix.every((byte, index) => bytes[index] === byte);
}

function selectFile(p1p2: number, name: Uint8Array): Command {
  return { cla: 0, ins: INS_SELECT, p1p2, data: name };
}

async function runOrThrow(
  transport: CardTransport,
  what: string,
  command: Command,
): Promise<Bytes> {
  const response = await run(transport, what, command);
  if (response.sw !== SW.success) throw new ModuleError("refused", what, response.sw);
  return response.data;
}

async function run(transport: CardTransport, what: string, command: Command): Promise<Response> {
  let response;
  try {
    response = await exchangeApdu(transport, command);
  } catch (error) {
    throw new ModuleError("transport", what, undefined, error);
  }
  if (response === undefined) throw new ModuleError("malformed", what);
  return response;
}
