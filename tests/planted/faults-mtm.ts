/** MTM cards: what the platform must look at in a TPM's word, and what it must not give away. */
import type { Fault } from "./fault.ts";

const MTM = "edge/secure-connection/mtm.ts";
const ATTESTATION = "tests/mtm/attestation.test.ts";
const ENROLMENT = "tests/mtm/enrolment.test.ts";

export const MTM_FAULTS: readonly Fault[] = [
  {
    invariant: "I7",
    what: "an attestation of another session counts",
    source: MTM,
    find: "if (!equalBytes(attested.qualifyingData, hash) || !attested.safe) return false;",
    replace: "if (hash.length === 0 || !attested.safe) return false;",
    file: ATTESTATION,
    test: "I7: of another session or step it does not count",
  },
  {
    invariant: "I1",
    what: "an index that anybody can write counts as the epoch counter",
    source: MTM,
    find: "return equalBytes(attested.indexName, epochName(tools)) && attested.epoch === BigInt(epoch);",
    replace: "return attested.epoch === BigInt(epoch);",
    file: ATTESTATION,
    test: "of an index that anybody can write it does not count",
  },
  {
    invariant: "I9",
    what: "an attestation of before or after a reset counts",
    source: MTM,
    find: "  if (!isSameRun(decodeMtmNonce(cardNonce), attested.clock)) return false;\n",
    replace:
      "  if (isSameRun(decodeMtmNonce(cardNonce), attested.clock) && hash.length === 0) return false;\n",
    file: ATTESTATION,
    test: "of another run of the TPM, or from before the nonce, it does not count",
  },
  {
    invariant: "I1",
    what: "a key of a hierarchy where the TPM disguises its resets attests",
    source: MTM,
    find: "return isVerified && equalBytes(attested.signer, signer);",
    replace: "return isVerified && signer.length > 0;",
    file: ATTESTATION,
    test: "of another key, or of the same template in another hierarchy, it does not count",
  },
  {
    invariant: "I1",
    what: "FAILURE carries the authorisation of a lease",
    source: "edge/secure-connection/critical-information.ts",
    find: "  return decided.success\n",
    replace: "  return decided.epoch > 0\n",
    file: "tests/mtm/binding.test.ts",
    test: "I2: another SIM gets FAILURE, whose epoch command ends the lease of before",
  },
  {
    invariant: "I1",
    what: "a service key that opens to another policy is enrolled",
    source: MTM,
    find: "    equalBytes(attested.objectName, tpmName(tools.hash, area))\n",
    replace: "    area.length > 0\n",
    file: ENROLMENT,
    test: "a service key under another policy, or that a password opens, is refused",
  },
  {
    invariant: "I15",
    what: "a challenge that was opened for one attestation key enrols another",
    source: "edge/enrolment-token.ts",
    find: "const keys = mtm === undefined ? [] : [mtm.endorsementKey, mtm.attestationKey];",
    replace: "const keys = mtm === undefined ? [] : [mtm.endorsementKey];",
    file: ENROLMENT,
    test: "a challenge that was not opened, or was made for other keys, is no proof",
  },
  {
    invariant: "I7",
    what: "bytes that a TPM did not make count as its statement",
    source: "edge/secure-connection/tpm-attest.ts",
    find: "if (cursor.u32() !== GENERATED) return undefined;",
    replace: "cursor.u32();",
    file: ATTESTATION,
    test: "what no TPM states is not read, whoever signed it",
  },
];
