/** The identity module as the flow sees it; one adapter a kind (usim.ts). */
import type { ModuleAnswer } from "#protocol/messages";
import type { ModuleKindName } from "#protocol/suites";

export interface ModuleChallenge {
  /** As docs/protocol.md, section 6 has them: one to four, of one length. */
  readonly rands: readonly Uint8Array[];
  /** AUTN (16 bytes), AUTHBS (3 bytes), or empty. */
  readonly autn: Uint8Array;
}

export interface ModuleResponse {
  readonly answer: ModuleAnswer;
  /** CK and IK, 16 bytes each, where the module gave them; the caller wipes them. */
  readonly keys?: { readonly ck: Uint8Array; readonly ik: Uint8Array };
}

export interface IdentityModule {
  readonly kind: ModuleKindName;
  /** 6 to 15 digits. */
  readImsi(): Promise<string>;
  /** A refusal by the module is an answer; only a broken module throws (ModuleError). */
  authenticate(challenge: ModuleChallenge): Promise<ModuleResponse>;
}

export type ModuleErrorCode = "refused" | "malformed" | "transport" | "unsuitable_challenge";

/** The module cannot be used: it is absent, wants a PIN (`sw` 6982), or answers nonsense. */
export class ModuleError extends Error {
  readonly code: ModuleErrorCode;
  readonly sw: number | undefined;

  constructor(code: ModuleErrorCode, what: string, sw?: number, cause?: unknown) {
    super(`${what}: ${code}`, { cause });
    this.name = "ModuleError";
    this.code = code;
    this.sw = sw;
  }
}
