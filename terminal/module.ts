/** The identity module as the flow sees it; one adapter a kind (usim.ts). */
import type { ModuleAnswer } from "#protocol/messages";
import type { ModuleKindName } from "#protocol/suites";

export interface ModuleChallenge {
  /** 16 bytes each. */
  readonly rands: readonly Uint8Array[];
  /** 16 bytes, or none for a module without AUTN. */
  readonly autn: Uint8Array;
}

export interface IdentityModule {
  readonly kind: ModuleKindName;
  /** 6 to 15 digits. */
  readImsi(): Promise<string>;
  /** A refusal by the module is an answer; only a broken module throws (ModuleError). */
  authenticate(challenge: ModuleChallenge): Promise<ModuleAnswer>;
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
