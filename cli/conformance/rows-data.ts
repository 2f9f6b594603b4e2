/** GET DATA and PROVE POSSESSION (docs/protocol.md, sections 3.2 and 7). */
import { DATA_OBJECT, INS, LENGTH, SW, TAG } from "#protocol/assigned-numbers";
import { encodeAscii, encodeHex } from "#protocol/bytes";
import { findSerialNumber, KEY_USAGE, parseCertificate } from "#edge/secure-connection/certificate";
import { decodeProof, field } from "#protocol/messages";
import { CARD_KIND_NUMBERS } from "#protocol/suites";
import { decodeFields, encodeTlv } from "#protocol/tlv";
import { enrolmentStatement } from "#protocol/transcript";
import { decodeCardStatus } from "#terminal/card";
import { TEST_DEPLOYMENT, TEST_TENANT } from "#cli/test-card/test-keys";
import { type Bench, getData, reach, restart, send, UnreachedError } from "./bench.ts";
import { cardKeyName, isPossessionProof } from "./platform.ts";
import type { Row } from "./row.ts";

/** The same in every run: a card proves possession for one challenge in its life. */
const CHALLENGE = encodeAscii("conformance run ");
const OTHER_CHALLENGE = encodeAscii("another run, no ");

/** 65 bytes. Throws UnreachedError. */
export async function readServiceKey(bench: Bench): Promise<Uint8Array> {
  const data = reach("GET DATA service key", await getData(bench, DATA_OBJECT.servicePublicKey));
  const key = decodeFields(data, [field(TAG.servicePublicKey, LENGTH.point)])?.[0];
  if (key === undefined) throw new UnreachedError("GET DATA service key: not as in section 7");
  return key;
}

function prove(bench: Bench, challenge: Uint8Array) {
  return send(bench, INS.provePossession, encodeTlv(TAG.enrolmentChallenge, challenge));
}

function possessionMessage(bench: Bench, servicePublicKey: Uint8Array): Uint8Array {
  const { keys, kind, cardId, publicKey } = bench;
  return enrolmentStatement({
    deployment: TEST_DEPLOYMENT,
    tenant: TEST_TENANT,
    cardId,
    cardKind: CARD_KIND_NUMBERS[kind],
    suite: keys.tools.suite.number,
    key: cardKeyName(keys, publicKey),
    servicePublicKey,
    challenge: CHALLENGE,
  });
}

export const DATA_ROWS: readonly Row[] = [
  {
    id: "GET-01",
    section: "7",
    sends: "GET DATA status, idle",
    expects: "85 86 8C 8D 9E BB; state 00, the lease zeros",
    async run(bench, seen) {
      const answer = await getData(bench, DATA_OBJECT.status);
      seen.sw("GET DATA", answer, SW.success);
      const status = decodeCardStatus(answer.data);
      seen.holds("elements", status !== undefined);
      if (status === undefined) return;
      const { uses, seconds, services } = status.lease;
      seen.holds("state 00", status.state.name === "idle", status.state.name);
      seen.holds("86", status.cardKind === CARD_KIND_NUMBERS[bench.kind], `${status.cardKind}`);
      seen.holds("lease zeros", uses + seconds + services === 0, `${uses} ${seconds} ${services}`);
    },
  },
  {
    id: "GET-02",
    section: "7",
    sends: "GET DATA service key",
    expects: "C9: a point of the suite's curve",
    async run(bench, seen) {
      const answer = await getData(bench, DATA_OBJECT.servicePublicKey);
      seen.sw("GET DATA", answer, SW.success);
      const key = decodeFields(answer.data, [field(TAG.servicePublicKey, LENGTH.point)])?.[0];
      const isKey = key !== undefined && bench.keys.tools.isServiceKey(key);
      seen.holds("a point", isKey);
    },
  },
  {
    id: "GET-03",
    section: "7",
    sends: "GET DATA certificate",
    expects: "X.509 of the suite's family, in date, serialNumber the card id, digitalSignature",
    needs: ["certificate suite"],
    async run(bench, seen) {
      const answer = await getData(bench, DATA_OBJECT.certificate);
      seen.sw("GET DATA", answer, SW.success);
      const parsed = parseCertificate(answer.data);
      seen.holds("X.509", parsed.ok, parsed.ok ? "" : parsed.reason);
      if (!parsed.ok || !("anchor" in bench.keys)) return;
      const { family, subject, keyUsage, notBefore, notAfter } = parsed.value;
      const serial = findSerialNumber(subject) ?? "none";
      const cardId = encodeHex(bench.cardId).toUpperCase();
      const now = Date.now();
      seen.holds("family", family === bench.keys.tools.suite.family, family);
      seen.holds("serialNumber", serial === cardId, serial);
      seen.holds("key usage", ((keyUsage ?? 0) & KEY_USAGE.digitalSignature) !== 0);
      seen.holds("in date", notBefore <= now && now <= notAfter);
    },
  },
  {
    id: "GET-04",
    section: "7",
    sends: "GET DATA certificate",
    expects: "6A88: there is none",
    needs: ["symmetric suite"],
    async run(bench, seen) {
      const answer = await getData(bench, DATA_OBJECT.certificate);
      seen.sw("GET DATA", answer, SW.referencedDataNotFound);
    },
  },
  {
    id: "POS-01",
    section: "3.2, 7",
    invariant: "I15",
    sends: "PROVE POSSESSION of the runner's challenge",
    expects: "8E over deployment, tenant, card, keys and C3",
    async run(bench, seen) {
      const servicePublicKey = await readServiceKey(bench);
      const answer = await prove(bench, CHALLENGE);
      seen.sw("PROVE POSSESSION", answer, SW.success);
      const proof = decodeProof(answer.data, bench.keys.tools.suite.proofBytes);
      const { keys, publicKey } = bench;
      const message = possessionMessage(bench, servicePublicKey);
      const isProof =
        proof !== undefined && isPossessionProof(keys, publicKey, CHALLENGE, message, proof);
      seen.holds("8E verifies", isProof);
    },
  },
  {
    id: "POS-02",
    section: "7",
    invariant: "I15",
    sends: "PROVE POSSESSION of the same challenge twice, a reset between",
    expects: "the stored bytes again",
    async run(bench, seen) {
      const first = reach("PROVE POSSESSION", await prove(bench, CHALLENGE));
      await restart(bench);
      seen.same("the same bytes", (await prove(bench, CHALLENGE)).data, first);
    },
  },
  {
    id: "POS-03",
    section: "7",
    invariant: "I15",
    sends: "PROVE POSSESSION of another challenge afterwards",
    expects: "6985",
    async run(bench, seen) {
      reach("PROVE POSSESSION", await prove(bench, CHALLENGE));
      seen.sw("other", await prove(bench, OTHER_CHALLENGE), SW.conditionsNotSatisfied);
    },
  },
  {
    id: "POS-04",
    section: "2, 7",
    sends: "PROVE POSSESSION of challenges of 15 and 17 bytes, and of none",
    expects: "6A80",
    async run(bench, seen) {
      for (const bytes of [0, 15, 17]) {
        const answer = await prove(bench, new Uint8Array(bytes));
        seen.sw(`${bytes} bytes`, answer, SW.incorrectData);
      }
    },
  },
];
