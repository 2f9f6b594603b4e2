/** One card on the bench: what the runner knows of it, and how a row talks to it. */
import { chainCommand, decodeResponse, type Response } from "#protocol/apdu";
import { APPLET_AID, CLA, DATA_OBJECT, INS, SW } from "#protocol/assigned-numbers";
import { type Bytes, concatBytes } from "#protocol/bytes";
import type { AppletKindName, ModeName } from "#protocol/suites";
import { type CardStatus, decodeCardStatus, formatSw } from "#terminal/card";
import { type CardTransport, exchangeApdu } from "#terminal/transport";
import type { PlatformKeys } from "./platform.ts";
import type { CardSlot } from "./slot.ts";

/** What does not change while a card is tested. */
export interface CardUnderTest {
  readonly slot: CardSlot;
  readonly kind: AppletKindName;
  /** 8 bytes. */
  readonly cardId: Bytes;
  readonly modes: readonly ModeName[];
  readonly keys: PlatformKeys;
  /** DER; empty in the symmetric suites. */
  readonly certificate: Bytes;
  /** Value of C1; empty in the symmetric suites. */
  readonly publicKey: Uint8Array;
}

/** What one row has before it: the card reset, selected, unlocked and idle. */
export interface Bench extends CardUnderTest {
  /** Of the row; rows that are no mode's have the card's first. */
  readonly mode: ModeName;
  /** The card's floor, or 1 where that is 0: the platform's generation. */
  readonly generation: number;
}

/** A row could not be tried, since something before its own question went wrong. */
export class UnreachedError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "UnreachedError";
  }
}

/** What was answered when nothing that is an APDU was. */
const NO_ANSWER: Response = { sw: 0, data: new Uint8Array(0) };

/** Goes on only with this status word. Throws UnreachedError. */
export function reach(what: string, { sw, data }: Response, expected: number = SW.success): Bytes {
  if (sw !== expected) throw new UnreachedError(`${what}: ${formatSw(sw)}`);
  return data;
}

type Linked = Pick<Bench, "slot" | "kind">;

function linkOf({ slot, kind }: Linked): CardTransport {
  const link: CardTransport = { transmit: (apdu) => slot.transmit(apdu) };
  return kind === "SD" ? { ...link, extendedLengths: true } : link;
}

/** A whole command: chained, 6Cxx and 61xx followed on a TF card, one extended APDU on an SD. */
async function exchange(
  bench: Linked,
  command: Parameters<typeof chainCommand>[0],
): Promise<Response> {
  return (await exchangeApdu(linkOf(bench), command)) ?? NO_ANSWER;
}

/** A command of the class 80; P1 P2 are 0000. */
export function send(bench: Linked, ins: number, data: Uint8Array): Promise<Response> {
  return exchange(bench, { cla: CLA.proprietary, ins, p1p2: 0, data });
}

export function sendService(bench: Linked, p1p2: number, data: Uint8Array): Promise<Response> {
  return exchange(bench, { cla: CLA.interindustry, ins: INS.performSecurityOperation, p1p2, data });
}

export function select(bench: Linked, aid: readonly number[] = APPLET_AID): Promise<Response> {
  const data = Uint8Array.from(aid);
  return exchange(bench, { cla: CLA.interindustry, ins: INS.select, p1p2: 0x0400, data });
}

export function getData(bench: Linked, p1p2: number): Promise<Response> {
  return exchange(bench, { cla: CLA.interindustry, ins: INS.getData, p1p2, le: 256 });
}

/** One APDU as it is, and what came back as it is. */
export async function transmit(
  { slot }: Pick<Bench, "slot">,
  ...apdu: readonly (Uint8Array | readonly number[])[]
): Promise<Response> {
  const bytes = concatBytes(...apdu.map((part) => Uint8Array.from(part)));
  return decodeResponse(await slot.transmit(bytes)) ?? NO_ANSWER;
}

/** GET DATA status. Throws UnreachedError for anything but the elements of section 7. */
export async function readStatus(bench: Linked): Promise<CardStatus> {
  const data = reach("GET DATA status", await getData(bench, DATA_OBJECT.status));
  const status = decodeCardStatus(data);
  if (status === undefined) throw new UnreachedError("GET DATA status: not as in section 7");
  return status;
}

/** What the card keeps through a loss of power, to be compared: epoch, floor and lock. */
export async function readKept(bench: Linked): Promise<string> {
  const { epoch, floor, state } = await readStatus(bench);
  const lock = state.name === "locked" ? state.lockId.toHex() : "none";
  return `epoch ${epoch}, floor ${floor}, lock ${lock}`;
}

/** Reset, then SELECT. */
export async function restart(bench: Linked): Promise<void> {
  await bench.slot.reset();
  reach("SELECT", await select(bench));
}
