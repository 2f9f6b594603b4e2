/**
 * Protection of the critical information, both modes: the request (step 420), the module's answer
 * (328, 431), the result (332, 435) and the card's receipt. Signed mode lets everybody read and
 * nobody change; encrypted mode also keeps the client from reading.
 */
import type { Dependencies } from "#edge/dependencies";
import { LABEL } from "#protocol/assigned-numbers";
import {
  type AnswerStatement,
  type CardReport,
  decodeAnswerStatement,
  decodeCardReport,
  decodeProof,
  decodeReceipt,
  encodeSigned,
} from "#protocol/messages";
import { failure, type Result, success } from "#protocol/result";
import {
  decodeSealed,
  encodeSealed,
  encodeSealedChallenge,
  type KeyAgreement,
  sealedPart,
} from "#protocol/sealed-messages";
import { decodeResult, encodeMtmResult } from "#protocol/mtm-messages";
import { hashAnswer, hashReceipt } from "#protocol/transcript";
import {
  isProvenByCard,
  openFromCard,
  proofForm,
  prove,
  sealForCard,
  type SecureConnection,
} from "./connection.ts";
import { authoriseLease } from "./mtm.ts";
import type { StoredPlatformKey } from "./platform-key.ts";

/** Step 3 as it came: the statement with S3, or both in one ciphertext. */
export type ProtectedAnswer =
  | { readonly mode: "signed"; readonly statement: Uint8Array; readonly proof: Uint8Array }
  | { readonly mode: "encrypted"; readonly sealed: Uint8Array };

export interface VerifiedAnswer {
  readonly statement: AnswerStatement;
  readonly h3: Uint8Array;
}

export type AnswerFailure = "malformed" | "proof_invalid";

/** Where a message stands in its session: the hash before it and its number in its direction. */
export interface Position {
  readonly previous: Uint8Array;
  readonly number: number;
}

/** Longest plaintexts of the two messages that a card seals. */
const STATEMENT_BYTES_MAX = 160;
const REPORT_BYTES_MAX = 32;

/** Step 328 or 431, first half. `position.previous` is h2 of the round. */
export function verifyAnswer(
  connection: SecureConnection,
  position: Position,
  answer: ProtectedAnswer,
): Result<VerifiedAnswer, AnswerFailure> {
  const { tools, mode } = connection;
  if (answer.mode !== mode) return failure("malformed");
  const bytes =
    answer.mode === "signed" ? answer.statement : openAnswer(connection, position, answer.sealed);
  if (bytes === undefined) return failure("proof_invalid");
  const statement = decodeAnswerStatement(bytes);
  if (statement === undefined) return failure("malformed");
  const h3 = hashAnswer(tools.hash, position.previous, bytes);
  if (answer.mode === "signed") {
    const proof = decodeProof(answer.proof, proofForm(connection));
    if (proof === undefined) return failure("malformed");
    if (!isProvenByCard(connection, LABEL.answerProof, h3, proof)) return failure("proof_invalid");
  }
  return success({ statement, h3 });
}

function openAnswer(
  connection: SecureConnection,
  { previous, number }: Position,
  message: Uint8Array,
): Uint8Array | undefined {
  const sealed = decodeSealed(message, STATEMENT_BYTES_MAX);
  return sealed && openFromCard(connection, number, previous, sealed);
}

/** Step 320 or 420: the bytes for the client, or for the card alone. */
export function protectChallenge(
  connection: SecureConnection,
  { previous, number }: Position,
  challenge: Uint8Array,
  agreement: KeyAgreement | undefined,
): Uint8Array {
  if (connection.mode === "signed") return challenge;
  const sealed = sealForCard(connection, number, previous, sealedPart(challenge));
  return encodeSealedChallenge({ round: number, agreement, sealed });
}

/** Step 332 or 435: R, committed already, with SIG_P over h4, or sealed behind h3. */
export function protectResult(
  dependencies: Pick<Dependencies, "vault" | "tpm">,
  connection: SecureConnection,
  key: StoredPlatformKey,
  position: Position,
  { result, h4 }: { readonly result: Uint8Array; readonly h4: Uint8Array },
): Uint8Array {
  if (connection.mode === "encrypted") {
    return encodeSealed(sealForCard(connection, position.number, position.previous, result));
  }
  const proof = prove(dependencies, connection, key, LABEL.result, h4);
  return connection.mtm === undefined
    ? encodeSigned(result, proof)
    : encodeMtmResult(result, proof, authoriseResult(dependencies, connection, key.tenant, result));
}

/** With SUCCESS what opens the chip's service key, for as long as R's lease says. */
function authoriseResult(
  dependencies: Pick<Dependencies, "vault" | "tpm">,
  { tools }: SecureConnection,
  tenant: string,
  result: Uint8Array,
): Uint8Array {
  const decided = decodeResult(result);
  if (decided === undefined || !("sign" in tools)) throw new Error("an MTM card has no such R");
  return decided.success
    ? authoriseLease(dependencies, tools, { tenant, cardId: decided.cardId }, decided)
    : new Uint8Array(0);
}

/** In place of step 320 or 420: the unlock body, committed already, with the proof over hu. */
export function protectUnlock(
  dependencies: Pick<Dependencies, "vault">,
  connection: SecureConnection,
  key: StoredPlatformKey,
  { unlock, hu }: { readonly unlock: Uint8Array; readonly hu: Uint8Array },
): Uint8Array {
  return encodeSigned(unlock, prove(dependencies, connection, key, LABEL.unlock, hu));
}

/** The receipt after a result. `position.previous` is h4. */
export function verifyReceipt(
  connection: SecureConnection,
  position: Position,
  message: Uint8Array,
): Result<CardReport, AnswerFailure> {
  if (connection.mode === "signed") {
    return verifySignedReceipt(connection, position.previous, LABEL.receipt, message);
  }
  const sealed = decodeSealed(message, REPORT_BYTES_MAX);
  if (sealed === undefined) return failure("malformed");
  const bytes = openFromCard(connection, position.number, position.previous, sealed);
  const report = bytes && decodeCardReport(bytes);
  return report === undefined ? failure("proof_invalid") : success(report);
}

/** In both modes what follows an unlock, too: `previous` is hu then. */
export function verifySignedReceipt(
  connection: SecureConnection,
  previous: Uint8Array,
  label: typeof LABEL.receipt | typeof LABEL.unlockReceipt,
  message: Uint8Array,
): Result<CardReport, AnswerFailure> {
  const { tools } = connection;
  const receipt = decodeReceipt(message, proofForm(connection));
  if (receipt === undefined) return failure("malformed");
  const h5 = hashReceipt(tools.hash, previous, receipt);
  const { signature, epoch } = receipt;
  const proven = isProvenByCard(connection, label, h5, signature, epoch);
  return proven ? success(receipt) : failure("proof_invalid");
}
