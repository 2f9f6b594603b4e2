/**
 * The emulated TF smart card: an operating system behind one function, `transmit`. This file
 * dispatches; docs/protocol.md section 6 is its table of contents.
 */
import {
  APPLET_AID,
  CARD_KIND,
  CLA,
  DATA_OBJECT,
  INS,
  LENGTH,
  PSO,
  SW,
  TAG,
} from "#protocol/assigned-numbers";
import { applyResult, provePossession, signAnswer, startSession } from "./binding-commands.ts";
import { areEqual, asciiBytes, type Bytes, cardIdBytes, joinBytes, writeCounter } from "./bytes.ts";
import {
  type CardContext,
  type CardEnvironment,
  type CardProfile,
  createRam,
  encodeCardState,
  readKept,
} from "./context.ts";
import { formatKeptRecord } from "./kept-record.ts";
import { PowerCut } from "./non-volatile-memory.ts";
import { computeSignature, decipher, encipher } from "./services.ts";
import { writeByteElement, writeElement } from "./tlv.ts";
import {
  answerGetResponse,
  answerLater,
  answerNow,
  collectChain,
  continuesChain,
  type Header,
  isGetResponse,
  readBody,
  readHeader,
  refuseClass,
  type Reply,
  respond,
  withoutChaining,
} from "./transport.ts";

export type Card = {
  /**
   * Response APDU: data || SW1 SW2. Commands run one after another, in the order of the calls.
   * Rejects with PowerCut, and nothing else, when the card has no power or loses it meanwhile.
   */
  readonly transmit: (apdu: Uint8Array) => Promise<Uint8Array>;
  /** Restarts the card, with power if it had none; resolves to the answer to reset. */
  readonly reset: () => Promise<Uint8Array>;
  /** Takes power away, also in the middle of a command. */
  readonly powerOff: () => void;
};

type CommandRow = Header & {
  /** Whether the command's data is required; otherwise it must be absent. */
  readonly takesData: boolean;
  readonly run: (context: CardContext, data: Bytes) => Reply | Promise<Reply>;
};

const TENANT_PATTERN = /^[a-z0-9][a-z0-9-]{0,31}$/u;
/** ISO 7816-3, 8.2: direct convention, TB1 and TC1 follow, 8 historical bytes; T=0 only. */
const ATR = joinBytes(Uint8Array.of(0x3b, 0x68, 0x00, 0x00), asciiBytes("SIMLATCH"));

const COMMANDS: readonly CommandRow[] = [
  interindustry(INS.select, 0x0400, true, select),
  interindustry(INS.getData, DATA_OBJECT.status, false, giveStatus),
  interindustry(INS.getData, DATA_OBJECT.servicePublicKey, false, giveServiceKey),
  interindustry(INS.getData, DATA_OBJECT.certificate, false, giveCertificate),
  interindustry(INS.performSecurityOperation, PSO.sign, true, computeSignature),
  interindustry(INS.performSecurityOperation, PSO.encipher, true, encipher),
  interindustry(INS.performSecurityOperation, PSO.decipher, true, decipher),
  proprietary(INS.startSession, startSession),
  proprietary(INS.answer, signAnswer),
  proprietary(INS.result, applyResult),
  proprietary(INS.provePossession, provePossession),
];

function interindustry(
  ins: number,
  p1p2: number,
  takesData: boolean,
  run: CommandRow["run"],
): CommandRow {
  return { cla: CLA.interindustry, ins, p1p2, takesData, run };
}

function proprietary(ins: number, run: CommandRow["run"]): CommandRow {
  return { cla: CLA.proprietary, ins, p1p2: 0, takesData: true, run };
}

/**
 * A card that was just reset. Flash that holds a kept record keeps it: the same flash and profile
 * make the same card again. Rejects for a profile that is no card's.
 */
export async function createCard(
  profile: CardProfile,
  environment: CardEnvironment,
): Promise<Card> {
  checkProfile(profile);
  formatKeptRecord(environment.nonVolatile);
  const fixed = {
    profile,
    cardId: cardIdBytes(profile.cardId),
    anchorPublicKey: new Uint8Array(profile.anchorPublicKey),
    environment,
  };
  let context: CardContext = { ...fixed, ram: createRam(true) };
  let queue: Promise<unknown> = Promise.resolve();
  const restart = (powered: boolean): void => {
    context.ram.powered = false;
    context = { ...fixed, ram: createRam(powered) };
  };
  return {
    transmit: (apdu) => {
      const now = context;
      const command = apdu.slice();
      const response = queue.then(() => runCommand(now, command));
      queue = response.catch((error: unknown) => {
        // Power that went while the flash was written took the RAM with it.
        if (error instanceof PowerCut && now === context) restart(false);
      });
      return response;
    },
    reset: () => {
      restart(true);
      return Promise.resolve(ATR.slice());
    },
    powerOff: () => {
      restart(false);
    },
  };
}

function checkProfile(profile: CardProfile): void {
  if (profile.deployment.length !== LENGTH.deployment) throw new Error("deployment is 16 bytes");
  if (!TENANT_PATTERN.test(profile.tenant)) throw new Error("tenant is not one of section 2");
  if (profile.anchorPublicKey.length !== LENGTH.point) throw new Error("anchor is 65 bytes");
}

async function runCommand(context: CardContext, apdu: Uint8Array): Promise<Uint8Array> {
  if (!context.ram.powered) throw new PowerCut("the card has no power");
  const response = await handleApdu(context, apdu);
  if (!context.ram.powered) throw new PowerCut("power went before the answer");
  return response;
}

/** ISO 7816-3: the header decides first, then the length. */
async function handleApdu(context: CardContext, apdu: Uint8Array): Promise<Bytes> {
  const { ram } = context;
  const header = readHeader(apdu);
  if (header === undefined || !continuesChain(ram, header)) {
    ram.chain = undefined;
    ram.waiting = new Uint8Array(0);
    return respond(header === undefined ? SW.wrongLength : SW.lastCommandOfChainExpected);
  }
  if (isGetResponse(header)) return answerGetResponse(ram, header, apdu);
  ram.waiting = new Uint8Array(0);
  const row = findCommand(context, header);
  const body = readBody(apdu);
  if (typeof row === "number" || body === undefined) {
    ram.chain = undefined;
    return respond(typeof row === "number" ? row : SW.wrongLength);
  }
  const data = collectChain(ram, header, body);
  if (typeof data === "number") return respond(data);
  if (data.length > 0 !== row.takesData) return respond(SW.wrongLength);
  const reply = await row.run(context, data);
  if (reply.data === undefined) return respond(reply.sw);
  return row.takesData ? answerLater(ram, reply.data) : answerNow(ram, reply.data, body.le);
}

/** The row of a command, or the status word of one that does not exist or not now. */
function findCommand(context: CardContext, received: Header): CommandRow | number {
  const refusal = refuseClass(received.cla);
  if (refusal !== undefined) return refusal;
  const { cla, ins, p1p2 } = withoutChaining(received);
  if (cla === CLA.interindustry && ins === INS.manageChannel) return SW.logicalChannelNotSupported;
  const rows = COMMANDS.filter((row) => row.cla === cla && row.ins === ins);
  if (rows.length === 0) return SW.instructionNotSupported;
  if (ins !== INS.select && !context.ram.selected) return SW.conditionsNotSatisfied;
  const row = rows.find((candidate) => candidate.p1p2 === p1p2);
  if (row !== undefined) return row;
  return ins === INS.getData ? SW.referencedDataNotFound : SW.incorrectP1P2;
}

/** Selecting ends serving and session; selecting something else also leaves the applet. */
function select(context: CardContext, aid: Bytes): Reply {
  const { ram } = context;
  ram.session = undefined;
  ram.lease = undefined;
  ram.selected = areEqual(aid, Uint8Array.from(APPLET_AID));
  return { sw: ram.selected ? SW.success : SW.fileNotFound };
}

/** 85 86 8C 8D 9E. */
function giveStatus(context: CardContext): Reply {
  const { epoch, floor } = readKept(context);
  const data = joinBytes(
    writeElement(TAG.cardId, context.cardId),
    writeByteElement(TAG.cardKind, CARD_KIND.tf),
    writeElement(TAG.epoch, writeCounter(epoch)),
    writeElement(TAG.cardState, encodeCardState(context)),
    writeElement(TAG.floor, writeCounter(floor)),
  );
  return { sw: SW.success, data };
}

function giveServiceKey(context: CardContext): Reply {
  const { servicePublicKey } = context.profile.keys;
  return { sw: SW.success, data: writeElement(TAG.servicePublicKey, servicePublicKey) };
}

function giveCertificate(context: CardContext): Reply {
  const { certificate } = context.profile;
  if (certificate.length === 0) return { sw: SW.referencedDataNotFound };
  return { sw: SW.success, data: new Uint8Array(certificate) };
}
