/**
 * The TPM commands that an MTM card runs (TPM 2.0 Library, Part 3), one function each. Sessions
 * carry no HMAC: everything that counts is signed by the TPM or by the platform.
 */
import { type Bytes, concatBytes } from "#protocol/bytes";
import {
  encodeSized,
  encodeU16,
  encodeU32,
  EPOCH_BYTES,
  EPOCH_INDEX,
  epochIndexArea,
  TPM_ALG,
  TPM_CC,
  TPM_RH,
  type TpmClock,
} from "#protocol/tpm";
import { required, runTpmCommand, type TpmReader, type TpmTransport } from "./tpm.ts";

const NONE = encodeSized(new Uint8Array(0));
const OWN_SCHEME = encodeU16(TPM_ALG.null);
const NO_PCRS = encodeU32(0);
const COORDINATE_BYTES = 32;
const TAG_HASHCHECK = 0x8024;

export type Hierarchy = typeof TPM_RH.owner | typeof TPM_RH.endorsement;

export interface PrimaryKey {
  readonly handle: number;
  /** 04 || X || Y. */
  readonly publicKey: Bytes;
  readonly creationHash: Bytes;
  /** TPMT_TK_CREATION. */
  readonly creationTicket: Bytes;
}

/** What a restricted key signed: TPMS_ATTEST, then r and s. */
export type Attestation = Bytes;

/** TPM2_CreatePrimary (24.1); `area(unique)` is the template with its unique part as given. */
export async function createPrimary(
  tpm: TpmTransport,
  hierarchy: Hierarchy,
  area: (unique: Uint8Array) => Uint8Array,
  unique: Uint8Array,
): Promise<PrimaryKey> {
  const name = "TPM2_CreatePrimary";
  const { handle, parameters } = await runTpmCommand(tpm, {
    name,
    code: TPM_CC.createPrimary,
    handles: [hierarchy],
    sessions: [TPM_RH.password],
    parameters: [encodeSized(concatBytes(NONE, NONE)), encodeSized(area(unique)), NONE, NO_PCRS],
    hasHandle: true,
  });
  const made = parameters.sized();
  const creationData = parameters.sized();
  const creationHash = parameters.sized();
  const creationTicket = takeTicket(parameters);
  const prefix = area(new Uint8Array(0)).length;
  const publicKey = made && takePoint(made.subarray(prefix));
  if (creationData === undefined || publicKey === undefined) {
    await flushContext(tpm, handle);
  }
  return {
    handle,
    publicKey: required(publicKey, name),
    creationHash: required(creationHash, name),
    creationTicket: required(creationTicket, name),
  };
}

/** TPMS_ECC_POINT of 32 bytes each; a TPM pads them (Part 1, C.8). */
function takePoint(bytes: Uint8Array): Bytes | undefined {
  const point = 2 * (2 + COORDINATE_BYTES);
  if (bytes.length !== point) return undefined;
  const x = bytes.subarray(2, 2 + COORDINATE_BYTES);
  return concatBytes(Uint8Array.of(4), x, bytes.subarray(4 + COORDINATE_BYTES));
}

/** TPMT_TK_CREATION, TPMT_TK_VERIFIED: tag, hierarchy, digest. */
function takeTicket(reader: TpmReader): Bytes | undefined {
  const head = reader.take(6);
  const digest = reader.sized();
  return head && digest && concatBytes(head, encodeSized(digest));
}

/** r and s of TPMT_SIGNATURE with ECDSA and SHA-256. */
function takeSignature(reader: TpmReader): Bytes | undefined {
  const isOurs = reader.integer(2) === TPM_ALG.ecdsa && reader.integer(2) === TPM_ALG.sha256;
  const r = reader.sized();
  const s = reader.sized();
  if (!isOurs || r === undefined || s === undefined) return undefined;
  if (r.length > COORDINATE_BYTES || s.length > COORDINATE_BYTES) return undefined;
  const out = new Uint8Array(2 * COORDINATE_BYTES);
  out.set(r, COORDINATE_BYTES - r.length);
  out.set(s, 2 * COORDINATE_BYTES - s.length);
  return out;
}

function encodeSignature(signature: Uint8Array): Bytes {
  return concatBytes(
    encodeU16(TPM_ALG.ecdsa),
    encodeU16(TPM_ALG.sha256),
    encodeSized(signature.subarray(0, COORDINATE_BYTES)),
    encodeSized(signature.subarray(COORDINATE_BYTES)),
  );
}

function takeAttestation(reader: TpmReader, name: string): Attestation {
  const statement = required(reader.sized(), name);
  return concatBytes(statement, required(takeSignature(reader), name));
}

/** TPM2_FlushContext (28.4): an object or a session. */
export async function flushContext(tpm: TpmTransport, handle: number): Promise<void> {
  const parameters = [encodeU32(handle)];
  await runTpmCommand(tpm, { name: "TPM2_FlushContext", code: TPM_CC.flushContext, parameters });
}

/** TPM2_NV_Certify (31.16) of the epoch counter by the attestation key. */
export async function certifyEpoch(
  tpm: TpmTransport,
  key: number,
  qualifyingData: Uint8Array,
): Promise<Attestation> {
  const name = "TPM2_NV_Certify";
  const { parameters } = await runTpmCommand(tpm, {
    name,
    code: TPM_CC.nvCertify,
    handles: [key, EPOCH_INDEX, EPOCH_INDEX],
    sessions: [TPM_RH.password, TPM_RH.password],
    parameters: [encodeSized(qualifyingData), OWN_SCHEME, encodeU16(EPOCH_BYTES), encodeU16(0)],
  });
  return takeAttestation(parameters, name);
}

/** TPM2_Quote (18.4) over no PCR: clock, resets and qualifying data are what is wanted. */
export async function quote(
  tpm: TpmTransport,
  key: number,
  qualifyingData: Uint8Array,
): Promise<Attestation> {
  const name = "TPM2_Quote";
  const { parameters } = await runTpmCommand(tpm, {
    name,
    code: TPM_CC.quote,
    handles: [key],
    sessions: [TPM_RH.password],
    parameters: [encodeSized(qualifyingData), OWN_SCHEME, NO_PCRS],
  });
  return takeAttestation(parameters, name);
}

/** TPM2_CertifyCreation (18.3). */
export async function certifyCreation(
  tpm: TpmTransport,
  key: number,
  made: PrimaryKey,
  qualifyingData: Uint8Array,
): Promise<Attestation> {
  const name = "TPM2_CertifyCreation";
  const { parameters } = await runTpmCommand(tpm, {
    name,
    code: TPM_CC.certifyCreation,
    handles: [key, made.handle],
    sessions: [TPM_RH.password],
    parameters: [
      encodeSized(qualifyingData),
      encodeSized(made.creationHash),
      OWN_SCHEME,
      made.creationTicket,
    ],
  });
  return takeAttestation(parameters, name);
}

/** TPM2_ActivateCredential (12.5): `ek` opens under `session`, which its policy was run in. */
export async function activateCredential(
  tpm: TpmTransport,
  { ak, ek, session }: { readonly ak: number; readonly ek: number; readonly session: number },
  credential: { readonly blob: Uint8Array; readonly secret: Uint8Array },
): Promise<Bytes> {
  const name = "TPM2_ActivateCredential";
  const { parameters } = await runTpmCommand(tpm, {
    name,
    code: TPM_CC.activateCredential,
    handles: [ak, ek],
    sessions: [TPM_RH.password, session],
    parameters: [encodeSized(credential.blob), encodeSized(credential.secret)],
  });
  return required(parameters.sized(), name);
}

/** TPM2_ReadClock (29.1). */
export async function readClock(tpm: TpmTransport): Promise<TpmClock & { readonly safe: boolean }> {
  const name = "TPM2_ReadClock";
  const { parameters } = await runTpmCommand(tpm, { name, code: TPM_CC.readClock });
  const bytes = required(parameters.take(25), name);
  const view = new DataView(bytes.buffer);
  return {
    clock: view.getBigUint64(8),
    resetCount: view.getUint32(16),
    restartCount: view.getUint32(20),
    safe: view.getUint8(24) === 1,
  };
}

/** TPM2_NV_DefineSpace (31.3) of the epoch counter. */
export async function defineEpoch(tpm: TpmTransport): Promise<void> {
  await runTpmCommand(tpm, {
    name: "TPM2_NV_DefineSpace",
    code: TPM_CC.nvDefineSpace,
    handles: [TPM_RH.owner],
    sessions: [TPM_RH.password],
    parameters: [NONE, encodeSized(epochIndexArea(false))],
  });
}

/** TPM2_NV_Increment (31.8): the epoch command. */
export async function incrementEpoch(tpm: TpmTransport): Promise<void> {
  await runTpmCommand(tpm, {
    name: "TPM2_NV_Increment",
    code: TPM_CC.nvIncrement,
    handles: [EPOCH_INDEX, EPOCH_INDEX],
    sessions: [TPM_RH.password],
  });
}

/** TPM2_NV_Read (31.13). */
export async function readEpoch(tpm: TpmTransport): Promise<bigint> {
  const name = "TPM2_NV_Read";
  const { parameters } = await runTpmCommand(tpm, {
    name,
    code: TPM_CC.nvRead,
    handles: [EPOCH_INDEX, EPOCH_INDEX],
    sessions: [TPM_RH.password],
    parameters: [encodeU16(EPOCH_BYTES), encodeU16(0)],
  });
  const bytes = parameters.sized();
  const value = bytes?.length === EPOCH_BYTES ? bytes : undefined;
  return new DataView(required(value, name).buffer).getBigUint64(0);
}

/** TPM2_LoadExternal (12.3) of a public key, in the owner's hierarchy. */
export async function loadPublic(
  tpm: TpmTransport,
  area: Uint8Array,
): Promise<{ readonly handle: number; readonly keyName: Bytes }> {
  const name = "TPM2_LoadExternal";
  const { handle, parameters } = await runTpmCommand(tpm, {
    name,
    code: TPM_CC.loadExternal,
    parameters: [NONE, encodeSized(area), encodeU32(TPM_RH.owner)],
    hasHandle: true,
  });
  return { handle, keyName: required(parameters.sized(), name) };
}

/** TPM2_VerifySignature (20.1); gives TPMT_TK_VERIFIED. */
export async function verifySignature(
  tpm: TpmTransport,
  key: number,
  digest: Uint8Array,
  signature: Uint8Array,
): Promise<Bytes> {
  const name = "TPM2_VerifySignature";
  const { parameters } = await runTpmCommand(tpm, {
    name,
    code: TPM_CC.verifySignature,
    handles: [key],
    parameters: [encodeSized(digest), encodeSignature(signature)],
  });
  return required(takeTicket(parameters), name);
}

/** TPM2_Sign (20.2) of a digest, authorised by a session; r and s. */
export async function signDigest(
  tpm: TpmTransport,
  key: number,
  session: number,
  digest: Uint8Array,
): Promise<Bytes> {
  const name = "TPM2_Sign";
  const noTicket = concatBytes(encodeU16(TAG_HASHCHECK), encodeU32(TPM_RH.null), NONE);
  const { parameters } = await runTpmCommand(tpm, {
    name,
    code: TPM_CC.sign,
    handles: [key],
    sessions: [session],
    parameters: [encodeSized(digest), OWN_SCHEME, noTicket],
  });
  return required(takeSignature(parameters), name);
}
