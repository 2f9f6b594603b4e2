/** Chains that other implementations made: OpenSSL's (tests/vectors/x509_chains.json), x509's. */
import "reflect-metadata";
import {
  BasicConstraintsExtension,
  cryptoProvider,
  KeyUsageFlags,
  KeyUsagesExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { expect, test } from "bun:test";

import * as core from "#wasm";
import { verifyCardChain } from "#edge/secure-connection/card-certificate";
import { certificateAlgorithms } from "#edge/suites/certificate-algorithms";

import vectors from "../vectors/x509_chains.json" with { type: "json" };
import { CARD_ID, nodeTools, NOW } from "./chain-fixture.ts";

const CERTIFICATES: Readonly<Record<string, string>> = vectors.certificates;
/** Inside the validity of all of them. */
const AT = Date.UTC(2027, 0, 1);

function certificateOf(name: string): Uint8Array {
  const text = CERTIFICATES[name];
  if (text === undefined) throw new Error(`no certificate ${name}`);
  return new Uint8Array(Buffer.from(text, "base64"));
}

const REASONS: Readonly<Record<string, string>> = {
  valid: "ok",
  tampered_subject: "signature_invalid",
  bad_signature: "signature_invalid",
  wrong_root: "signature_invalid",
  missing_intermediate: "issuer_unknown",
  issued_by_non_CA: "issuer_not_ca",
};

test.each(vectors.cases)("OpenSSL's $case", (vector) => {
  expect(REASONS[vector.case] === "ok").toBe(vector.openssl_result);
  const input = {
    certificates: vector.chain.map(certificateOf),
    roots: [certificateOf(vector.root)],
    cardId: vectors.card_id,
    family: "ECDSA" as const,
    now: AT,
  };
  for (const implementation of [nodeTools, { core, certificates: certificateAlgorithms }]) {
    const outcome = verifyCardChain(implementation, input);
    expect(outcome.ok ? "ok" : outcome.reason).toBe(REASONS[vector.case] ?? "");
  }
});

test("a chain of @peculiar/x509", async () => {
  cryptoProvider.set(crypto);
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const makeKeys = async () => crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const [rootKeys, cardKeys] = [await makeKeys(), await makeKeys()];
  const validity = { notBefore: new Date(NOW - 1e9), notAfter: new Date("2101-01-01T00:00:00Z") };
  const root = await X509CertificateGenerator.createSelfSigned({
    ...validity,
    serialNumber: "01",
    name: "CN=Root, O=Test",
    signingAlgorithm: algorithm,
    keys: rootKeys,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  const card = await X509CertificateGenerator.create({
    ...validity,
    serialNumber: "0203",
    subject: `CN=Card, 2.5.4.5=${CARD_ID}`,
    issuer: root.subject,
    publicKey: cardKeys.publicKey,
    signingKey: rootKeys.privateKey,
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    ],
  });
  const outcome = verifyCardChain(nodeTools, {
    certificates: [new Uint8Array(card.rawData)],
    roots: [new Uint8Array(root.rawData)],
    cardId: CARD_ID,
    family: "ECDSA",
    now: NOW,
  });
  const raw = new Uint8Array(await crypto.subtle.exportKey("raw", cardKeys.publicKey));
  expect(outcome.ok ? outcome.value.publicKey : outcome.reason).toEqual(raw);
  expect(outcome.ok && outcome.value.notAfter).toBe(Date.UTC(2101, 0, 1));
});
