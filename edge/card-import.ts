/**
 * One card of a batch. It is enrolled by the same check of chain, key and possession as one that
 * comes alone (invariant I15): the proof in its row is over a challenge of this platform. A card
 * that is registered with the same credential is left as it is, so that a file can come again after
 * its tokens have run out; a registered card never changes by an import.
 */
import { encodeBase64Url, equalBytes } from "#protocol/bytes";
import type { CardBatch, RowChange, RowFault, RowOutcome } from "#protocol/import";
import type { Dependencies, RegisteredCard } from "./dependencies.ts";
import { checkEnrolment, type EnrolmentInput, MTM_MODES } from "./enrolment.ts";
import { nameSharedKey } from "./secure-connection/card-key.ts";
import { parseCertificate } from "./secure-connection/certificate.ts";
import type { FailureReason } from "./wire-error.ts";

export async function importCard(
  dependencies: Dependencies,
  input: EnrolmentInput,
  { dryRun }: Required<Pick<CardBatch, "dryRun">>,
): Promise<RowOutcome> {
  const { cards } = dependencies.repositories;
  const known = await cards.find(input.tenant, input.cardId);
  if (known !== undefined) {
    const changes = compareCard(dependencies, input, known);
    input.key?.fill(0);
    return changes.length === 0 ? { outcome: "unchanged" } : { outcome: "conflict", changes };
  }
  const checked = await checkEnrolment(dependencies, input);
  if (!checked.ok) return { outcome: "refused", ...faultOf(checked.reason) };
  if (dryRun || (await cards.insert(checked.value)) === "inserted") return { outcome: "inserted" };
  return { outcome: "refused", column: "cardId", reason: "taken" };
}

function compareCard(
  dependencies: Dependencies,
  input: EnrolmentInput,
  known: RegisteredCard,
): RowChange[] {
  const { suite } = dependencies.suites(input.suite);
  const offered = input.mtm === undefined ? suite.modes : MTM_MODES;
  const modes = offered.filter((mode) => input.modes?.includes(mode) ?? true).join(" ");
  const servicePublicKey = encodeBase64Url(input.servicePublicKey);
  const plain = [
    { column: "kind", from: known.kind, to: input.kind },
    { column: "suite", from: known.suite, to: input.suite },
    { column: "modes", from: known.modes.join(" "), to: modes },
    {
      column: "servicePublicKey",
      from: encodeBase64Url(known.servicePublicKey),
      to: servicePublicKey,
    },
  ].filter(({ from, to }) => from !== to);
  if (isSameCredential(dependencies, input, known)) return plain;
  return [...plain, { column: credentialColumn(input), from: "", to: "" }];
}

function credentialColumn({ key, mtm }: EnrolmentInput): string {
  if (mtm !== undefined) return "mtm.attestationKey";
  return key === undefined ? "certificates" : "key";
}

function isSameCredential(
  dependencies: Dependencies,
  { key, keyVersion, certificates, mtm }: EnrolmentInput,
  known: RegisteredCard,
): boolean {
  if (mtm !== undefined) return equalBytes(mtm.attestationKey, known.pinnedKey);
  if (key !== undefined && keyVersion !== undefined) {
    return equalBytes(nameSharedKey(dependencies, key, keyVersion), known.pinnedKey);
  }
  const [leaf] = certificates ?? [];
  const parsed = leaf && parseCertificate(leaf);
  return parsed?.ok === true && equalBytes(parsed.value.publicKey, known.pinnedKey);
}

function faultOf(reason: FailureReason): RowFault {
  if (reason === "token_invalid") return { column: "token", reason };
  if (reason === "chain_invalid") return { column: "certificates", reason };
  if (reason === "possession_unproven") return { column: "proof", reason };
  // A service key that is none, or the card's own key.
  return { column: "servicePublicKey", reason: "malformed" };
}
