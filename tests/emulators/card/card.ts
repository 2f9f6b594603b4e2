/**
 * The emulated smart card: an operating system behind one function, `transmit`. This file is what
 * the two kinds of card do around a command (docs/protocol.md section 7).
 */
import { SW } from "#protocol/assigned-numbers";
import { isChained, NO_BYTES, readBody, readHeader, readShortBody, respond } from "./apdu.ts";
import { asciiBytes, type Bytes, joinBytes } from "./bytes.ts";
import { findCommand } from "./commands.ts";
import {
  type CardContext,
  type CardEnvironment,
  type CardProfile,
  createFixedContext,
  createRam,
} from "./context.ts";
import { formatKeptRecord } from "./kept-record.ts";
import { PowerCut } from "./non-volatile-memory.ts";
import { answerWhole, readBlocks, writeBlocks } from "./sd-interface.ts";
import {
  answerGetResponse,
  answerLater,
  answerNow,
  collectChain,
  continuesChain,
  isGetResponse,
} from "./tf-interface.ts";

export type Card = {
  /**
   * Response APDU: data || SW1 SW2. A command runs whole, in the order of the calls. Rejects with
   * PowerCut, and nothing else, when the card has no power or loses it meanwhile.
   */
  readonly transmit: (apdu: Uint8Array) => Promise<Uint8Array>;
  /** SD cards: the same in blocks of 512 bytes, both ways. Blocks of another form are 6700. */
  readonly transmitBlocks: (blocks: Uint8Array) => Promise<Uint8Array>;
  /** Restarts the card, with power if it had none; the answer to reset, which SD cards lack. */
  readonly reset: () => Promise<Uint8Array>;
  readonly powerOff: () => void;
};

/** ISO 7816-3, 8.2: direct convention, TB1 and TC1 follow, 8 historical bytes; T=0 only. */
const ATR = joinBytes(Uint8Array.of(0x3b, 0x68, 0x00, 0x00), asciiBytes("SIMLATCH"));

/**
 * A card that was just reset. Flash that holds a kept record keeps it: the same flash and profile
 * make the same card again. Throws for a profile that is no card's.
 */
export function createCard(profile: CardProfile, environment: CardEnvironment): Card {
  const fixed = createFixedContext(profile, environment);
  formatKeptRecord(environment.nonVolatile);
  const isSd = profile.kind === "SD";
  const handle = isSd ? handleSd : handleTf;
  let context: CardContext = { ...fixed, ram: createRam(true) };
  const restart = (powered: boolean): void => {
    context = { ...fixed, ram: createRam(powered) };
  };
  const run = (apdu: Uint8Array): Bytes => {
    if (!context.ram.powered) throw new PowerCut("the card has no power");
    try {
      return handle(context, apdu);
    } catch (error) {
      // Power that went while the flash was written took the RAM with it.
      if (error instanceof PowerCut) restart(false);
      throw error;
    }
  };
  return {
    transmit: (apdu) => Promise.try(run, apdu),
    transmitBlocks: (blocks) =>
      Promise.try(() => {
        if (!isSd) throw new Error("a TF card takes no blocks");
        const apdu = readBlocks(blocks);
        return writeBlocks(apdu === undefined ? respond(SW.wrongLength) : run(apdu));
      }),
    reset: () => {
      restart(true);
      return Promise.resolve(isSd ? NO_BYTES : ATR.slice());
    },
    powerOff: () => {
      restart(false);
    },
  };
}

/** ISO 7816-3: the header decides first, then the length. */
function handleTf(context: CardContext, apdu: Uint8Array): Bytes {
  const { ram } = context;
  const header = readHeader(apdu);
  if (header === undefined || !continuesChain(ram, header)) {
    ram.chain = undefined;
    ram.waiting = NO_BYTES;
    return respond(header === undefined ? SW.wrongLength : SW.lastCommandOfChainExpected);
  }
  if (isGetResponse(header)) return answerGetResponse(ram, header, apdu);
  ram.waiting = NO_BYTES;
  const row = findCommand(context, header);
  const body = readShortBody(apdu);
  if (typeof row === "number" || body === undefined) {
    ram.chain = undefined;
    return respond(typeof row === "number" ? row : SW.wrongLength);
  }
  const data = collectChain(ram, header, body);
  if (typeof data === "number") return respond(data);
  if (data.length > 0 !== row.takesData) return respond(SW.wrongLength);
  const reply = row.run(context, data);
  if (reply.data === undefined) return respond(reply.sw);
  return row.takesData ? answerLater(ram, reply.data) : answerNow(ram, reply.data, body);
}

/** No chaining, no GET RESPONSE: one command, one whole answer. */
function handleSd(context: CardContext, apdu: Uint8Array): Bytes {
  const header = readHeader(apdu);
  if (header === undefined) return respond(SW.wrongLength);
  if (isChained(header)) return respond(SW.chainingNotSupported);
  const row = findCommand(context, header);
  if (typeof row === "number") return respond(row);
  const body = readBody(apdu);
  if (body === undefined || body.data.length > 0 !== row.takesData) return respond(SW.wrongLength);
  const reply = row.run(context, body.data);
  return reply.data === undefined ? respond(reply.sw) : answerWhole(reply.data, body);
}
