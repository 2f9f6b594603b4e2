/**
 * A USIM behind a transmit function: the application is found through EF_DIR (TS 102 221, 13.1),
 * EF_IMSI read (TS 31.102, 4.2.2) and AUTHENTICATE run in the 3G context (TS 31.102, 7.1).
 */
import type { Command, Response } from "#protocol/apdu";
import { LENGTH, SW } from "#protocol/assigned-numbers";
import { type Bytes, concatBytes } from "#protocol/bytes";
import { decodeAuthenticateResponse } from "./authenticate-response.ts";
import { decodeImsiFile, EF_IMSI_BYTES } from "./imsi-file.ts";
import { exchangeWithModule } from "./module-command.ts";
import { type IdentityModule, type ModuleChallenge, ModuleError } from "./module.ts";
import type { ModuleResponse } from "./module.ts";
import { type CardTransport, exchangeApdu } from "./transport.ts";

/** RID of 3GPP and application code of the USIM (TS 101 220, annex E). */
const USIM_AID_PREFIX = Uint8Array.of(0xa0, 0x00, 0x00, 0x00, 0x87, 0x10, 0x02);
const MF = Uint8Array.of(0x3f, 0x00);
const EF_DIR = Uint8Array.of(0x2f, 0x00);
const EF_IMSI = Uint8Array.of(0x6f, 0x07);
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

/**
 * The application is selected at the first use and stays selected, until a command fails: the card
 * may have been reset. `authenticate` wants one RAND and AUTN, 16 bytes each, and gives RES (4 to
 * 16 bytes) with CK and IK, or AUTS, or a refusal (9862: the network is not authentic).
 */
export function createUsimModule(transport: CardTransport): IdentityModule {
  let selected = false;
  const useApplication = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      if (!selected) await selectApplication(transport);
      selected = true;
      return await work();
    } catch (error) {
      selected = false;
      throw error;
    }
  };
  return {
    kind: "USIM",
    readImsi: () => useApplication(() => readImsi(transport)),
    async authenticate(challenge) {
      const data = encodeAuthenticate(challenge);
      return useApplication(() => authenticate3g(transport, data));
    },
  };
}

async function readImsi(transport: CardTransport): Promise<string> {
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
}

/** Data field of AUTHENTICATE in the 3G context: RAND and AUTN, each with its length. */
function encodeAuthenticate({ rands, autn }: ModuleChallenge): Bytes {
  const [rand] = rands;
  if (rand?.length !== LENGTH.rand || rands.length !== 1 || autn.length !== LENGTH.autn)
    throw new ModuleError("unsuitable_challenge", "AUTHENTICATE");
  return concatBytes(Uint8Array.of(rand.length), rand, Uint8Array.of(autn.length), autn);
}

async function authenticate3g(transport: CardTransport, data: Bytes): Promise<ModuleResponse> {
  const what = "AUTHENTICATE";
  const command = { cla: 0, ins: INS_AUTHENTICATE, p1p2: AUTHENTICATE_3G, data };
  const response = await run(transport, what, command);
  const decoded = decodeAuthenticateResponse(response);
  response.data.fill(0);
  if (decoded === undefined) throw new ModuleError("malformed", what);
  return decoded;
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

function run(transport: CardTransport, what: string, command: Command): Promise<Response> {
  return exchangeWithModule(what, () => exchangeApdu(transport, command));
}
