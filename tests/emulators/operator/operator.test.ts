import { createPublicKey, generateKeyPairSync, verify, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "bun:test";
import { SUITE } from "#protocol/assigned-numbers";
import { credentialStatement } from "#protocol/transcript";
import type { CardCertificate, CertificateOverrides } from "./certificate-authority.ts";
import { createOperator, type Operator } from "./operator.ts";

const NOW = new Date("2026-11-20T12:00:00Z");
const CARD_ID = "00A1B2C3D4E5F607";
const deployment = new Uint8Array(16).fill(0xd0);
const cardKey = pointOf(generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey);
const day = (offset: number): Date => new Date(NOW.getTime() + offset * 86_400_000);
const openssl = Bun.which("openssl");

function pointOf(publicKey: { export: (options: { format: "der"; type: "spki" }) => Buffer }) {
  return new Uint8Array(publicKey.export({ format: "der", type: "spki" }).subarray(-65));
}

function createTestOperator(): Promise<Operator> {
  return createOperator({ now: NOW, deployment, tenant: "acme" });
}

function toPem(certificates: readonly Uint8Array[]): string {
  return certificates.map((der) => new X509Certificate(Buffer.from(der)).toString()).join("");
}

/** What `openssl verify -x509_strict` says at NOW: "OK" or its first error number and text. */
async function verifyByOpenssl(operator: Operator, issued: CardCertificate): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "simlatch-operator-"));
  try {
    const files = { root: join(folder, "r.pem"), chain: join(folder, "c.pem") };
    const leaf = join(folder, "leaf.pem");
    const [certificate, ...above] = issued.chain;
    await Bun.write(files.root, toPem([operator.rootCertificate]));
    await Bun.write(files.chain, toPem(above));
    await Bun.write(leaf, toPem([certificate ?? issued.certificate]));
    const time = String(NOW.getTime() / 1000);
    const command = ["openssl", "verify", "-x509_strict", "-attime", time, "-CAfile", files.root];
    const untrusted = above.length > 0 ? ["-untrusted", files.chain] : [];
    const run = Bun.spawn([...command, ...untrusted, leaf], { stdout: "pipe", stderr: "pipe" });
    const output = (await run.stdout.text()) + (await run.stderr.text());
    if ((await run.exited) === 0) return "OK";
    return /error \d+ at \d+ depth lookup: (.*)/u.exec(output)?.[1] ?? output;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function testWithOpenssl(name: string, run: () => Promise<void>): void {
  test(name, async () => {
    if (openssl === null) process.stdout.write(`SKIP openssl-absent: ${name}\n`);
    else await run();
  });
}

describe("anchor", () => {
  test("the credential's signature covers the statement of section 3", async () => {
    const operator = await createTestOperator();
    expect(operator.anchorPublicKey.length).toBe(65);
    const content = { generation: 0x80000001, suite: SUITE.p256, publicKey: cardKey };
    const signature = await operator.signCredential(content);
    expect(signature.length).toBe(64);
    const anchor = createPublicKey({
      key: Buffer.concat([
        Buffer.from("3059301306072a8648ce3d020106082a8648ce3d030107034200", "hex"),
        operator.anchorPublicKey,
      ]),
      format: "der",
      type: "spki",
    });
    const isSigned = (tenant: string, generation: number): boolean => {
      const statement = credentialStatement({ deployment, tenant, ...content, generation });
      return verify("sha256", statement, { key: anchor, dsaEncoding: "ieee-p1363" }, signature);
    };
    expect(isSigned("acme", 0x80000001)).toBe(true);
    expect(isSigned("acme2", 0x80000001)).toBe(false);
    expect(isSigned("acme", 0x80000002)).toBe(false);
  });

  test("two operators share no key", async () => {
    const [one, two] = [await createTestOperator(), await createTestOperator()];
    expect(Buffer.from(one.anchorPublicKey).equals(two.anchorPublicKey)).toBe(false);
    expect(Buffer.from(one.rootCertificate).equals(two.rootCertificate)).toBe(false);
  });

  test("lengths that are no deployment and no key are refused", async () => {
    const short = { now: NOW, deployment: new Uint8Array(15), tenant: "acme" };
    expect(await isRefused(createOperator(short))).toBe(true);
    const operator = await createTestOperator();
    const content = { generation: 1, suite: 1, publicKey: new Uint8Array(64) };
    expect(await isRefused(operator.signCredential(content))).toBe(true);
  });
});

async function isRefused(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return false;
  } catch {
    return true;
  }
}

describe("card certificate", () => {
  test("names the card, holds its key and may only sign", async () => {
    const operator = await createTestOperator();
    const issued = await operator.issueCardCertificate(CARD_ID, cardKey);
    const certificate = new X509Certificate(Buffer.from(issued.certificate));
    expect(certificate.subject).toContain(`serialNumber=${CARD_ID}`);
    expect(pointOf(certificate.publicKey)).toEqual(cardKey);
    expect(certificate.ca).toBe(false);
    // PrintableString, as RFC 5280 wants it for serialNumber.
    const attribute = Buffer.concat([Buffer.from("06035504051310", "hex"), Buffer.from(CARD_ID)]);
    expect(Buffer.from(issued.certificate).includes(attribute)).toBe(true);
    expect(issued.chain.map((der) => Buffer.from(der).toString("hex"))).toEqual(
      [issued.certificate, operator.intermediateCertificate].map((der) =>
        Buffer.from(der).toString("hex"),
      ),
    );
    expect(issued.certificate.length).toBeLessThanOrEqual(4096);
  });

  test("dates follow the time that was passed in, and serial numbers differ", async () => {
    const operator = await createTestOperator();
    const one = await operator.issueCardCertificate(CARD_ID, cardKey);
    const two = await operator.issueCardCertificate(CARD_ID, cardKey);
    const [first, second] = [one, two].map(
      (issued) => new X509Certificate(Buffer.from(issued.certificate)),
    );
    expect(new Date(first?.validFrom ?? 0)).toEqual(new Date("2026-11-19T12:00:00Z"));
    expect(first?.serialNumber).not.toBe(second?.serialNumber);
  });

  testWithOpenssl("openssl verify -x509_strict accepts the good chain", async () => {
    const operator = await createTestOperator();
    const issued = await operator.issueCardCertificate(CARD_ID, cardKey);
    expect(await verifyByOpenssl(operator, issued)).toBe("OK");
  });

  const bad: readonly (readonly [string, CertificateOverrides, RegExp])[] = [
    ["expired", { notAfter: day(-0.5) }, /certificate has expired/u],
    ["not yet valid", { notBefore: day(1) }, /not yet valid/u],
    ["issued by a certificate that is no CA", { issuer: "non-ca" }, /invalid CA certificate/u],
    ["too long for the path length", { issuer: "below-path-length" }, /path length/u],
    ["of another root", { issuer: "foreign-root" }, /unable to get|signature failure/u],
    ["of a CA that ran out", { issuer: "expired-ca" }, /certificate has expired/u],
    ["of a CA that may not sign", { issuer: "no-certificate-signing" }, /invalid CA|usage/u],
    ["without its intermediate", { omitIntermediate: true }, /unable to get local issuer/u],
    ["with a tampered signature", { tamperSignature: true }, /signature failure/u],
  ];
  for (const [name, overrides, message] of bad) {
    testWithOpenssl(`openssl refuses a chain ${name}`, async () => {
      const operator = await createTestOperator();
      const issued = await operator.issueCardCertificate(CARD_ID, cardKey, overrides);
      expect(await verifyByOpenssl(operator, issued)).toMatch(message);
    });
  }

  test("another serialNumber and another key usage are in the certificate as asked", async () => {
    const operator = await createTestOperator();
    const other = { serialNumber: "FFFFFFFFFFFFFFFF", keyUsage: "keyAgreement" } as const;
    const issued = await operator.issueCardCertificate(CARD_ID, cardKey, other);
    const certificate = new X509Certificate(Buffer.from(issued.certificate));
    expect(certificate.subject).toContain("serialNumber=FFFFFFFFFFFFFFFF");
    expect(certificate.subject).not.toContain(CARD_ID);
    // KeyUsage, critical, BIT STRING with bit 4 (keyAgreement) alone: RFC 5280, 4.2.1.3.
    const usage = Buffer.from("0603551d0f0101ff040403020308", "hex");
    expect(Buffer.from(issued.certificate).includes(usage)).toBe(true);
  });
});
