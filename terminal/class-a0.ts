/**
 * Commands of the class A0, as a SIM (TS 51.011, 9) and an R-UIM (3GPP2 C.S0023) take them: P3 is
 * Lc or Le, and 9Fxx says how many bytes GET RESPONSE will give. A platform that fetches them by
 * itself answers 9000 with the data at once.
 */
import { decodeResponse, type Response } from "#protocol/apdu";
import { INS, SW } from "#protocol/assigned-numbers";
import { type Bytes, concatBytes } from "#protocol/bytes";
import { exchangeWithModule } from "./module-command.ts";
import { ModuleError } from "./module.ts";
import type { CardTransport } from "./transport.ts";

const CLA_A0 = 0xa0;
/** 9Fxx (TS 51.011, 9.4.1); a SIM application on a UICC may say 61xx. */
const SW1_RESPONSE_WAITING: ReadonlySet<number> = new Set([0x9f, 0x61]);
const INS_READ_BINARY = 0xb0;
export const MF = 0x3f00;

/** P2 is 00 in all commands of the adapters. Either `data` (1 to 255 bytes) or `le` (1 to 255). */
interface A0Command {
  readonly ins: number;
  readonly p1?: number;
  readonly data?: Uint8Array;
  readonly le?: number;
}

/**
 * The answer with its data fetched, exactly `bytes` bytes where its status word is 9000; another
 * status word is the caller's business. Throws ModuleError "transport", or "malformed" when the
 * module answers no APDU, another length, or GET RESPONSE without success.
 */
export async function runA0(
  transport: CardTransport,
  what: string,
  command: A0Command,
  bytes: number,
): Promise<Response> {
  const first = await transmit(transport, what, command);
  const isWaiting = isResponseWaiting(first);
  const response = isWaiting ? await fetchResponse(transport, what, first.sw & 0xff) : first;
  if (response.sw === SW.success ? response.data.length === bytes : !isWaiting) return response;
  response.data.fill(0);
  throw new ModuleError("malformed", what, response.sw);
}

function fetchResponse(transport: CardTransport, what: string, le: number): Promise<Response> {
  return transmit(transport, what, { ins: INS.getResponse, le });
}

/**
 * Selects `path` from the MF down; what the card says about each file is not fetched. Throws
 * ModuleError "refused" with the status word of the first file that cannot be selected.
 */
export async function selectPath(
  transport: CardTransport,
  what: string,
  path: readonly number[],
): Promise<void> {
  for (const fid of path) {
    const data = Uint8Array.of(fid >> 8, fid & 0xff);
    const response = await transmit(transport, what, { ins: INS.select, data });
    if (response.sw !== SW.success && !isResponseWaiting(response))
      throw new ModuleError("refused", what, response.sw);
  }
}

/** All `bytes` bytes of a transparent file. Throws ModuleError, also for another length. */
export async function readFile(
  transport: CardTransport,
  what: string,
  path: readonly number[],
  bytes: number,
): Promise<Bytes> {
  await selectPath(transport, what, path);
  const command = { ins: INS_READ_BINARY, le: bytes };
  const response = await runA0(transport, what, command, bytes);
  if (response.sw !== SW.success) throw new ModuleError("refused", what, response.sw);
  return response.data;
}

function isResponseWaiting(response: Response): boolean {
  return SW1_RESPONSE_WAITING.has(response.sw >> 8);
}

function transmit(transport: CardTransport, what: string, command: A0Command): Promise<Response> {
  const data = command.data ?? new Uint8Array(0);
  const p3 = command.le ?? data.length;
  const header = Uint8Array.of(CLA_A0, command.ins, command.p1 ?? 0, 0, p3);
  const apdu = concatBytes(header, data);
  return exchangeWithModule(what, async () => decodeResponse(await transport.transmit(apdu)));
}
