/** The commands of the applet, one row each: docs/protocol.md section 7 is its contents. */
import { APPLET_AID, CLA, DATA_OBJECT, INS, PSO, SW, TAG } from "#protocol/assigned-numbers";
import { type Header, refuseClass, type Reply, withoutChaining } from "./apdu.ts";
import {
  answerChallenge,
  applyResult,
  openChallenge,
  startSession,
  unlock,
} from "./binding-commands.ts";
import { areEqual, type Bytes, joinBytes, writeCounter } from "./bytes.ts";
import { type CardContext, currentLease, encodeCardState, readClock, readKept } from "./context.ts";
import { secondsLeft } from "./lease.ts";
import { provePossession } from "./possession.ts";
import { computeSignature, decipher, encipher } from "./services.ts";
import { writeByteElement, writeElement } from "./tlv.ts";
import { cardKindElement } from "./transcript.ts";

export type CommandRow = Header & {
  /** Whether the command's data is required; otherwise it must be absent. */
  readonly takesData: boolean;
  readonly run: (context: CardContext, data: Bytes) => Reply;
};

const COMMANDS: readonly CommandRow[] = [
  interindustry(INS.select, 0x0400, true, select),
  interindustry(INS.getData, DATA_OBJECT.status, false, giveStatus),
  interindustry(INS.getData, DATA_OBJECT.servicePublicKey, false, giveServiceKey),
  interindustry(INS.getData, DATA_OBJECT.certificate, false, giveCertificate),
  interindustry(INS.performSecurityOperation, PSO.sign, true, computeSignature),
  interindustry(INS.performSecurityOperation, PSO.encipher, true, encipher),
  interindustry(INS.performSecurityOperation, PSO.decipher, true, decipher),
  proprietary(INS.startSession, startSession),
  proprietary(INS.openChallenge, openChallenge),
  proprietary(INS.answer, answerChallenge),
  proprietary(INS.result, applyResult),
  proprietary(INS.unlock, unlock),
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

/** The row of a command, or the status word of one that does not exist or not now. */
export function findCommand(context: CardContext, received: Header): CommandRow | number {
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

/** 85 86 8C 8D 9E BB; the lease is what is left of it, zeros unless serving. */
function giveStatus(context: CardContext): Reply {
  const { epoch, floor } = readKept(context);
  const lease = currentLease(context);
  const seconds = lease === undefined ? 0 : secondsLeft(lease, readClock(context));
  const data = joinBytes(
    writeElement(TAG.cardId, context.cardId),
    cardKindElement(context),
    writeElement(TAG.epoch, writeCounter(epoch)),
    writeElement(TAG.cardState, encodeCardState(context)),
    writeElement(TAG.floor, writeCounter(floor)),
    writeElement(
      TAG.lease,
      writeElement(TAG.leaseUses, writeCounter(lease?.uses ?? 0)),
      writeElement(TAG.leaseSeconds, writeCounter(seconds)),
      writeByteElement(TAG.leaseServices, lease?.services ?? 0),
    ),
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
