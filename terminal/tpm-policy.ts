/** Policy sessions of a TPM (TPM 2.0 Library, Part 3, sections 11 and 23), a function a command. */
import { type Bytes, concatBytes } from "#protocol/bytes";
import {
  encodeSized,
  encodeU16,
  encodeU32,
  EPOCH_INDEX,
  TPM_ALG,
  TPM_CC,
  TPM_RH,
} from "#protocol/tpm";
import { required, runTpmCommand, type TpmTransport } from "./tpm.ts";

const NONE = encodeSized(new Uint8Array(0));
const POLICY_SESSION = 0x01;
const NONCE_BYTES = 16;

/** TPM2_StartAuthSession (11.1) of a policy session; nothing is keyed by its nonces. */
export async function startPolicySession(tpm: TpmTransport): Promise<number> {
  const { handle } = await runTpmCommand(tpm, {
    name: "TPM2_StartAuthSession",
    code: TPM_CC.startAuthSession,
    handles: [TPM_RH.null, TPM_RH.null],
    parameters: [
      encodeSized(new Uint8Array(NONCE_BYTES)),
      NONE,
      Uint8Array.of(POLICY_SESSION),
      encodeU16(TPM_ALG.null),
      encodeU16(TPM_ALG.sha256),
    ],
    hasHandle: true,
  });
  return handle;
}

export interface Comparison {
  readonly operand: Uint8Array;
  readonly offset: number;
  /** TPM_EO. */
  readonly operation: number;
}

const encodeComparison = ({ operand, offset, operation }: Comparison): Bytes =>
  concatBytes(encodeSized(operand), encodeU16(offset), encodeU16(operation));

/** TPM2_PolicyCounterTimer (23.10). */
export async function policyCounterTimer(
  tpm: TpmTransport,
  session: number,
  comparison: Comparison,
): Promise<void> {
  await runTpmCommand(tpm, {
    name: "TPM2_PolicyCounterTimer",
    code: TPM_CC.policyCounterTimer,
    handles: [session],
    parameters: [encodeComparison(comparison)],
  });
}

/** TPM2_PolicyNV (23.9) on the epoch counter. */
export async function policyEpoch(
  tpm: TpmTransport,
  session: number,
  comparison: Comparison,
): Promise<void> {
  await runTpmCommand(tpm, {
    name: "TPM2_PolicyNV",
    code: TPM_CC.policyNv,
    handles: [EPOCH_INDEX, EPOCH_INDEX, session],
    sessions: [TPM_RH.password],
    parameters: [encodeComparison(comparison)],
  });
}

/** TPM2_PolicyCommandCode (23.11). */
export async function policyCommandCode(
  tpm: TpmTransport,
  session: number,
  code: number,
): Promise<void> {
  await runTpmCommand(tpm, {
    name: "TPM2_PolicyCommandCode",
    code: TPM_CC.policyCommandCode,
    handles: [session],
    parameters: [encodeU32(code)],
  });
}

/** TPM2_PolicySecret (23.4) of the endorsement hierarchy, whose authorisation is empty. */
export async function policyEndorsement(tpm: TpmTransport, session: number): Promise<void> {
  await runTpmCommand(tpm, {
    name: "TPM2_PolicySecret",
    code: TPM_CC.policySecret,
    handles: [TPM_RH.endorsement, session],
    sessions: [TPM_RH.password],
    parameters: [NONE, NONE, NONE, encodeU32(0)],
  });
}

/** TPM2_PolicyGetDigest (23.19). */
export async function policyDigest(tpm: TpmTransport, session: number): Promise<Bytes> {
  const name = "TPM2_PolicyGetDigest";
  const code = TPM_CC.policyGetDigest;
  const { parameters } = await runTpmCommand(tpm, { name, code, handles: [session] });
  return required(parameters.sized(), name);
}

export interface Approval {
  readonly approvedPolicy: Uint8Array;
  readonly policyRef: Uint8Array;
  readonly keyName: Uint8Array;
  /** TPMT_TK_VERIFIED. */
  readonly ticket: Uint8Array;
}

/** TPM2_PolicyAuthorize (23.16). */
export async function policyAuthorize(
  tpm: TpmTransport,
  session: number,
  { approvedPolicy, policyRef, keyName, ticket }: Approval,
): Promise<void> {
  await runTpmCommand(tpm, {
    name: "TPM2_PolicyAuthorize",
    code: TPM_CC.policyAuthorize,
    handles: [session],
    parameters: [encodeSized(approvedPolicy), encodeSized(policyRef), encodeSized(keyName), ticket],
  });
}
