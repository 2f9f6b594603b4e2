/** The emulated card of the examples, through its APDUs. */
import { createCard } from "#tests/emulators/card/card";
import type { CardProfile } from "#tests/emulators/card/context";
import { encodeApdus } from "#tests/emulators/card/bench-double";
import { type KeptRecord, writeKeptRecord } from "#tests/emulators/card/kept-record";
import { createNonVolatileMemory } from "#tests/emulators/card/non-volatile-memory";
import { APPLET_AID, CLA, INS, SW } from "#protocol/assigned-numbers";
import { type Bytes, concatBytes, encodeHex } from "#protocol/bytes";
import type { Draws } from "./record.ts";

export interface CardSlot {
  /** A command of the protocol, chained as needed, and its whole answer; throws when refused. */
  readonly send: (ins: number, data: Uint8Array) => Promise<Bytes>;
  /** Every APDU so far, SELECT included, with its response. */
  readonly wire: readonly Exchange[];
}

interface Exchange {
  readonly command: Uint8Array;
  readonly response: Uint8Array;
}

/** A card that kept `record`, with its applet selected. */
export async function insertCard(
  profile: CardProfile,
  draws: Draws,
  record: KeptRecord,
): Promise<CardSlot> {
  const nonVolatile = createNonVolatileMemory();
  const { transmit } = createCard(profile, { random: draws.random, nonVolatile });
  writeKeptRecord(nonVolatile, record);
  const wire: Exchange[] = [];
  const carry: Carry = async (command) => {
    const response = await transmit(command);
    wire.push({ command, response });
    return response;
  };
  const data = Uint8Array.from(APPLET_AID);
  await exchange(carry, { cla: CLA.interindustry, ins: INS.select, p1p2: 0x0400, data });
  return {
    send: (ins, field) => exchange(carry, { cla: CLA.proprietary, ins, p1p2: 0, data: field }),
    wire,
  };
}

type Carry = (command: Uint8Array) => Promise<Uint8Array>;

async function exchange(carry: Carry, command: Parameters<typeof encodeApdus>[0]): Promise<Bytes> {
  let response: Uint8Array = new Uint8Array(0);
  for (const apdu of encodeApdus(command)) response = await carry(apdu);
  const parts = [response.subarray(0, -2)];
  while (response.at(-2) === SW.bytesRemaining >> 8) {
    const le = response.at(-1) ?? 0;
    response = await carry(Uint8Array.of(CLA.interindustry, INS.getResponse, 0, 0, le));
    parts.push(response.subarray(0, -2));
  }
  const sw = encodeHex(response.subarray(-2));
  if (sw !== SW.success.toString(16)) throw new Error(`the card refused: ${sw}`);
  return concatBytes(...parts);
}
