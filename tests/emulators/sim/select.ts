/** SELECT and STATUS (TS 102 221 sections 11.1.1 and 11.1.2). */
import { SW, commandData, respond, respondExactly } from "./apdu.ts";
import type { CommandApdu } from "./apdu.ts";
import type { Card } from "./card.ts";
import { encodeTlv } from "./ef-coding.ts";
import { FID_CURRENT_ADF, FID_MF, encodeDfFcp, encodeEfFcp } from "./file-system.ts";
import type { DedicatedFile, ElementaryFile } from "./file-system.ts";
import { respondLater } from "./get-response.ts";

const SELECT_BY_FID = 0x00;
const SELECT_BY_AID = 0x04;
const SELECT_BY_PATH_FROM_MF = 0x08;
const SELECT_BY_PATH_FROM_CURRENT_DF = 0x09;
const RETURN_FCP = 0x04;
const RETURN_NO_DATA = 0x0c;
const FID_BYTES = 2;
const AID_BYTES_MAX = 16;
/** RID (5 bytes) and application code (2): a shorter prefix does not name the USIM. */
const AID_PREFIX_BYTES_MIN = 7;

const STATUS_P1_MAX = 0x02;
const STATUS_FCP = 0x00;
const STATUS_AID = 0x01;

/** Where a selection leads; `ef` is undefined when a DF is selected. */
type Selection = { readonly df: DedicatedFile; readonly ef: ElementaryFile | undefined };

/** Without FCP 9000, with FCP 61xx; on refusal the current files stay as they were. */
export function select(card: Card, apdu: CommandApdu): Uint8Array {
  const refusal = checkSelectHeader(apdu);
  if (refusal !== undefined) return respond(refusal);
  const selection = resolve(card, apdu.p1, commandData(apdu));
  if (selection === undefined) return respond(SW.fileNotFound);
  const { session } = card;
  session.currentDf = selection.df;
  session.currentEf = selection.ef;
  if (selection.df.aid !== undefined) session.activeAdf = selection.df;
  if (apdu.p2 === RETURN_NO_DATA) return respond(SW.ok);
  return respondLater(card, encodeFcp(card, selection));
}

/** FCP of the current DF, or the AID of the active application, or nothing. */
export function status(card: Card, apdu: CommandApdu): Uint8Array {
  if (apdu.p1 > STATUS_P1_MAX) return respond(SW.wrongP1P2);
  const { session } = card;
  switch (apdu.p2) {
    case STATUS_FCP:
      return respondExactly(apdu.p3, encodeFcp(card, { df: session.currentDf, ef: undefined }));
    case STATUS_AID:
      return session.activeAdf?.aid === undefined
        ? respond(SW.conditionsNotSatisfied)
        : respondExactly(apdu.p3, encodeTlv(0x84, session.activeAdf.aid));
    case RETURN_NO_DATA:
      return respond(SW.ok);
    default:
      return respond(SW.wrongP1P2);
  }
}

function checkSelectHeader(apdu: CommandApdu): number | undefined {
  if (apdu.p2 !== RETURN_FCP && apdu.p2 !== RETURN_NO_DATA) return SW.wrongP1P2;
  switch (apdu.p1) {
    case SELECT_BY_FID:
      return apdu.p3 === FID_BYTES ? undefined : SW.wrongLength;
    case SELECT_BY_AID:
      return apdu.p3 >= 1 && apdu.p3 <= AID_BYTES_MAX ? undefined : SW.wrongLength;
    case SELECT_BY_PATH_FROM_MF:
    case SELECT_BY_PATH_FROM_CURRENT_DF:
      return apdu.p3 > 0 && apdu.p3 % FID_BYTES === 0 ? undefined : SW.wrongLength;
    default:
      return SW.wrongP1P2;
  }
}

function resolve(card: Card, p1: number, data: Uint8Array): Selection | undefined {
  const { fileSystem, session } = card;
  switch (p1) {
    case SELECT_BY_AID:
      return resolveAid(fileSystem.adfUsim, data);
    case SELECT_BY_PATH_FROM_MF:
      return resolvePath(card, fileSystem.mf, decodeFids(data));
    case SELECT_BY_PATH_FROM_CURRENT_DF:
      return resolvePath(card, session.currentDf, decodeFids(data));
    default:
      return resolveFid(card, decodeFids(data)[0] ?? 0);
  }
}

function resolveAid(adf: DedicatedFile, prefix: Uint8Array): Selection | undefined {
  if (prefix.length < AID_PREFIX_BYTES_MIN) return undefined;
  const isPrefix = prefix.every((byte, index) => byte === adf.aid?.[index]);
  return isPrefix ? { df: adf, ef: undefined } : undefined;
}

/**
 * Reachable by identifier: the MF, the current ADF and the children of the current DF (section
 * 8.4.1).
 */
function resolveFid(card: Card, fid: number): Selection | undefined {
  const { fileSystem, session } = card;
  if (fid === FID_MF) return { df: fileSystem.mf, ef: undefined };
  return resolvePath(card, session.currentDf, [fid]);
}

/**
 * A path ends in an EF or in the current ADF; 7FFF is allowed as its first identifier (section
 * 8.4.3).
 */
function resolvePath(
  card: Card,
  start: DedicatedFile,
  fids: readonly number[],
): Selection | undefined {
  const { activeAdf } = card.session;
  const [first, ...rest] = fids;
  if (first === FID_CURRENT_ADF && activeAdf !== undefined) {
    return rest.length === 0 ? { df: activeAdf, ef: undefined } : findChild(activeAdf, rest);
  }
  return findChild(start, fids);
}

/** All DFs of this card are leaves of the DF tree, so only a path of one identifier names an EF. */
function findChild(df: DedicatedFile, fids: readonly number[]): Selection | undefined {
  const ef = df.files.find((file) => fids.length === 1 && file.fid === fids[0]);
  return ef === undefined ? undefined : { df, ef };
}

function encodeFcp(card: Card, selection: Selection): Uint8Array {
  return selection.ef === undefined
    ? encodeDfFcp(selection.df, card.pin !== undefined)
    : encodeEfFcp(selection.ef);
}

function decodeFids(data: Uint8Array): readonly number[] {
  const fids: number[] = [];
  for (let index = 0; index + 1 < data.length; index += FID_BYTES) {
    fids.push(((data[index] ?? 0) << 8) | (data[index + 1] ?? 0));
  }
  return fids;
}
