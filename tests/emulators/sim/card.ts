/** What the commands act on: the card's secrets, its non-volatile state and the card session. */
import type { AkaFunctions } from "./aka-functions.ts";
import type { DedicatedFile, ElementaryFile, FileSystem } from "./file-system.ts";
import type { SqnArray } from "./sqn-array.ts";

/** PIN1 and its unblock key, survives a reset. Digits as ASCII, `triesLeft` 0 means blocked. */
export type PinState = {
  value: string;
  triesLeft: number;
  readonly puk: string | undefined;
  pukTriesLeft: number;
};

/** Everything a reset clears (TS 102 221 section 8.4). */
export type Session = {
  currentDf: DedicatedFile;
  currentEf: ElementaryFile | undefined;
  /** The application 7FFF stands for; stays active while files outside its ADF are selected. */
  activeAdf: DedicatedFile | undefined;
  pinVerified: boolean;
  /** Response data of the last case 4 command, until GET RESPONSE or the next command. */
  pendingResponse: Uint8Array | undefined;
};

export type Card = {
  readonly aka: AkaFunctions;
  readonly fileSystem: FileSystem;
  readonly sqnArray: SqnArray;
  /** Undefined when PIN1 is disabled: nothing needs verification then. */
  readonly pin: PinState | undefined;
  readonly gsmAccess: boolean;
  readonly gsmSecurityContext: boolean;
  readonly session: Session;
};

export function createSession(fileSystem: FileSystem): Session {
  return {
    currentDf: fileSystem.mf,
    currentEf: undefined,
    activeAdf: undefined,
    pinVerified: false,
    pendingResponse: undefined,
  };
}

/** Whether the access condition "PIN" is met: verified in this session, or disabled. */
export function isPinSatisfied(card: Card): boolean {
  return card.pin === undefined || card.session.pinVerified;
}
