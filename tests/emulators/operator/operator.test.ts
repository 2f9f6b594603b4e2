import { createPublicKey, verify, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "bun:test";
import { generateCardKeys } from "#tests/emulators/card/keys";
import { takeRsaKey } from "#tests/emulators/card/rsa-pool";
import { CERTIFICATE_SUITES, type CertificateSuiteName } from "#tests/emulators/card/suites";
import { credentialStatement } from "#protocol/transcript";
import type { CardCertificate, CertificateOverrides } from "./certificate-authority.ts";
import { integer, namedBits, objectIdentifier, time } from "./der.ts";
import { createOperator, type Operator } from "./operator.ts";

const NOW = new Date("2026-11-20T12:00:00Z");
const CARD_ID = "00A1B2C3D4E5F607";
const SUITES = ["P-256", "RSA-2048", "RSA-2048-PKCS1", "SM"] as const;
const deployment = new Uint8Array(16).fill(0xd0);
const day = (offset: number): Date => new Date(NOW.getTime() + offset * 86_400_000);
const openssl = Bun.which("openssl");

let seed = 0;
/** Different every time, the same in every run. */
function countingRandom(byteCount: number): Uint8Array {
  seed += 1;
  return Uint8Array.from({ length: byteCount }, (_, index) => (seed * 7 + index * 13) & 0x7f);
}

function cardKeyOf(suite: CertificateSuiteName): Uint8Array {
  const material = suite.startsWith("RSA") ? { rsaKey: takeRsaKey() } : {};
  return generateCardKeys(suite, { random: countingRandom }, material).credentialPublicKey;
}

function createTestOperator(): Operator {
  return createOperator({ now: NOW, deployment, tenant: "acme" });
}

function toPem(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/gu) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}

/** What `openssl verify -x509_strict` says at NOW: "OK" or its first error text. */
function runOpenssl(anchors: string, above: string, leaf: string, options: string[]): string {
  const folder = mkdtempSync(join(tmpdir(), "simlatch-operator-"));
  try {
    for (const [name, pem] of Object.entries({ anchors, above, leaf })) {
      writeFileSync(join(folder, name), pem);
    }
    const at = ["-attime", String(NOW.getTime() / 1000)];
    const untrusted = above === "" ? [] : ["-untrusted", "above"];
    const command = ["openssl", "verify", "-x509_strict", ...at, ...options, ...untrusted];
    const run = Bun.spawnSync([...command, "-trusted", "anchors", "leaf"], { cwd: folder });
    if (run.exitCode === 0) return "OK";
    const output = run.stdout.toString() + run.stderr.toString();
    return /error \d+ at \d+ depth lookup: (.*)/u.exec(output)?.[1] ?? output;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * A chain under the operator's root. openssl's -vfyopt distid acts on the leaf alone, so SM2 goes
 * link by link, the card's first.
 */
function verifyByOpenssl(
  operator: Operator,
  suite: CertificateSuiteName,
  { certificate, chain }: CardCertificate,
): string {
  const above = chain.slice(1).map(toPem);
  if (suite !== "SM") {
    return runOpenssl(operator.roots.map(toPem).join(""), above.join(""), toPem(certificate), []);
  }
  const distid = ["-partial_chain", "-vfyopt", "distid:1234567812345678"];
  const links = chain.map((der, index) => [toPem(der), above[index]] as const);
  const root = toPem(operator.roots.at(-1) ?? certificate);
  const verdicts = links.map(([pem, issuer]) => runOpenssl(issuer ?? root, "", pem, distid));
  return verdicts.find((verdict) => verdict !== "OK") ?? "OK";
}

function testWithOpenssl(name: string, run: () => void): void {
  test(name, () => {
    if (openssl === null) process.stdout.write(`SKIP openssl-absent: ${name}\n`);
    else run();
  });
}

const fives = (byteCount: number): Uint8Array => new Uint8Array(byteCount).fill(5);

describe("anchor", () => {
  for (const suite of SUITES) {
    test(`${suite}: the credential's signature covers the statement of section 3`, () => {
      const operator = createTestOperator();
      const { scheme, number } = CERTIFICATE_SUITES[suite];
      const anchor = operator.anchors[suite];
      expect(anchor.length).toBe(scheme.publicKeyBytes);
      const content = { generation: 0x80000001, publicKey: cardKeyOf(suite) };
      const signature = operator.signCredential(suite, content);
      expect(signature.length).toBe(scheme.signatureBytes);
      const isSigned = (tenant: string, generation: number): boolean => {
        const names = { deployment, tenant, suite: number };
        const statement = credentialStatement({ ...names, ...content, generation });
        return scheme.isSigned(anchor, statement, signature);
      };
      expect(isSigned("acme", 0x80000001)).toBe(true);
      expect(isSigned("acme2", 0x80000001)).toBe(false);
      expect(isSigned("acme", 0x80000002)).toBe(false);
    });
  }

  test("each suite has an anchor of its own, and no two operators share one", () => {
    const operators = [createTestOperator(), createTestOperator()];
    const anchors = operators.flatMap(({ anchors: each }) => SUITES.map((suite) => each[suite]));
    expect(new Set(anchors.map((anchor) => anchor.toHex())).size).toBe(8);
    expect(operators[0]?.roots[0]?.toHex()).not.toBe(operators[1]?.roots[0]?.toHex());
    expect(operators[0]?.anchors.SM).toBe(operators[0]?.anchors.SM);
  });

  test("an injected random source decides anchors, and keys to share", () => {
    const options = { now: NOW, deployment, tenant: "acme", random: fives };
    const [one, two] = [createOperator(options), createOperator(options)];
    expect(one.anchors["P-256"]).toEqual(two.anchors["P-256"]);
    expect(one.createSharedKey()).toEqual({ key: new Uint8Array(16).fill(5), keyVersion: 1 });
    const fresh = createTestOperator();
    expect(fresh.createSharedKey().key).not.toEqual(fresh.createSharedKey().key);
  });

  test("lengths that are no deployment and no key are refused", () => {
    const short = { now: NOW, deployment: new Uint8Array(15), tenant: "acme" };
    expect(() => createOperator(short)).toThrow("16 bytes");
    const operator = createTestOperator();
    const content = { generation: 1, publicKey: new Uint8Array(64) };
    expect(() => operator.signCredential("P-256", content)).toThrow("length");
    expect(() => operator.issueCardCertificate("SM", CARD_ID, new Uint8Array(64))).toThrow(
      "length",
    );
  });
});

describe("card certificate", () => {
  test("P-256: names the card, holds its key and may only sign", () => {
    const operator = createTestOperator();
    const cardKey = cardKeyOf("P-256");
    const issued = operator.issueCardCertificate("P-256", CARD_ID, cardKey);
    const certificate = new X509Certificate(Buffer.from(issued.certificate));
    expect(certificate.subject).toContain(`serialNumber=${CARD_ID}`);
    const spki = certificate.publicKey.export({ format: "der", type: "spki" });
    expect(spki.subarray(-65).equals(cardKey)).toBe(true);
    expect(certificate.ca).toBe(false);
    // PrintableString, as RFC 5280 wants it for serialNumber.
    const attribute = Buffer.concat([Buffer.from("06035504051310", "hex"), Buffer.from(CARD_ID)]);
    expect(Buffer.from(issued.certificate).includes(attribute)).toBe(true);
    expect(issued.chain.length).toBe(2);
  });

  test("RSA: the certificate holds the modulus, and the root's key signed the chain", () => {
    const operator = createTestOperator();
    const cardKey = cardKeyOf("RSA-2048");
    const issued = operator.issueCardCertificate("RSA-2048", CARD_ID, cardKey);
    const [leaf, ca] = issued.chain.map((der) => new X509Certificate(Buffer.from(der)));
    const { n } = leaf?.publicKey.export({ format: "jwk" }) ?? {};
    expect(Buffer.from(n ?? "", "base64url").equals(cardKey)).toBe(true);
    const root = new X509Certificate(Buffer.from(operator.roots[1] ?? []));
    expect(ca !== undefined && leaf?.verify(ca.publicKey)).toBe(true);
    expect(ca?.verify(root.publicKey)).toBe(true);
  });

  test("SM2: the object identifiers of GM/T 0006, and a signature by the scheme", () => {
    const operator = createTestOperator();
    const { certificate } = operator.issueCardCertificate("SM", CARD_ID, cardKeyOf("SM"));
    const text = certificate.toHex();
    expect(text).toContain(objectIdentifier("1.2.156.10197.1.501").toHex());
    expect(text).toContain(objectIdentifier("1.2.156.10197.1.301").toHex());
    expect(objectIdentifier("1.2.156.10197.1.501").toHex()).toBe("06082a811ccf55018375");
  });

  test("dates follow the time that was passed in, and serial numbers differ", () => {
    const operator = createTestOperator();
    const [first, second] = [1, 2].map(() => {
      const issued = operator.issueCardCertificate("P-256", CARD_ID, cardKeyOf("P-256"));
      return new X509Certificate(Buffer.from(issued.certificate));
    });
    expect(new Date(first?.validFrom ?? 0)).toEqual(new Date("2026-11-19T12:00:00Z"));
    expect(first?.serialNumber).not.toBe(second?.serialNumber);
  });

  for (const suite of SUITES) {
    testWithOpenssl(`${suite}: openssl verify -x509_strict accepts the good chain`, () => {
      const operator = createTestOperator();
      const issued = operator.issueCardCertificate(suite, CARD_ID, cardKeyOf(suite));
      expect(issued.certificate.length).toBeLessThanOrEqual(4096);
      expect(verifyByOpenssl(operator, suite, issued)).toBe("OK");
    });

    testWithOpenssl(`${suite}: openssl refuses a tampered signature`, () => {
      const operator = createTestOperator();
      const tampered = { tamperSignature: true } as const;
      const issued = operator.issueCardCertificate(suite, CARD_ID, cardKeyOf(suite), tampered);
      expect(verifyByOpenssl(operator, suite, issued)).toMatch(/signature failure/u);
    });
  }

  const bad: readonly (readonly [string, CertificateOverrides, RegExp])[] = [
    ["expired", { notAfter: day(-0.5) }, /certificate has expired/u],
    ["not yet valid", { notBefore: day(1) }, /not yet valid/u],
    ["issued by a certificate that is no CA", { issuer: "non-ca" }, /invalid CA certificate/u],
    ["too long for the path length", { issuer: "below-path-length" }, /path length/u],
    ["of another root", { issuer: "foreign-root" }, /unable to get|signature failure/u],
    ["of a CA that ran out", { issuer: "expired-ca" }, /certificate has expired/u],
    ["of a CA that may not sign", { issuer: "no-certificate-signing" }, /invalid CA|usage/u],
    ["without its intermediate", { omitIntermediate: true }, /unable to get local issuer/u],
  ];
  for (const [name, overrides, message] of bad) {
    for (const suite of ["P-256", "RSA-2048"] as const) {
      testWithOpenssl(`${suite}: openssl refuses a chain ${name}`, () => {
        const operator = createTestOperator();
        const key = cardKeyOf(suite);
        const issued = operator.issueCardCertificate(suite, CARD_ID, key, overrides);
        expect(verifyByOpenssl(operator, suite, issued)).toMatch(message);
      });
    }
  }

  test("another serialNumber and another key usage are in the certificate as asked", () => {
    const operator = createTestOperator();
    const other = { serialNumber: "FFFFFFFFFFFFFFFF", keyUsage: "keyAgreement" } as const;
    const issued = operator.issueCardCertificate("P-256", CARD_ID, cardKeyOf("P-256"), other);
    const certificate = new X509Certificate(Buffer.from(issued.certificate));
    expect(certificate.subject).toContain("serialNumber=FFFFFFFFFFFFFFFF");
    expect(certificate.subject).not.toContain(CARD_ID);
    // KeyUsage, critical, BIT STRING with bit 4 (keyAgreement) alone: RFC 5280, 4.2.1.3.
    const usage = Buffer.from("0603551d0f0101ff040403020308", "hex");
    expect(Buffer.from(issued.certificate).includes(usage)).toBe(true);
  });

  test("only the suites that were asked for have a root", () => {
    const options = { now: NOW, deployment, tenant: "acme" };
    expect(createOperator({ ...options, suites: ["SM"] }).roots.length).toBe(1);
    expect(createTestOperator().roots.length).toBe(3);
  });
});

describe("DER", () => {
  test("integers are as short as they can be and never negative", () => {
    expect(integer(Uint8Array.of(0, 0, 0x7f)).toHex()).toBe("02017f");
    expect(integer(Uint8Array.of(0, 0x80)).toHex()).toBe("02020080");
    expect(integer(new Uint8Array(4)).toHex()).toBe("020100");
  });

  test("named bits say how many are unused", () => {
    expect(namedBits(0x80).toHex()).toBe("03020780");
    expect(namedBits(0x06).toHex()).toBe("03020106");
  });

  test("dates from 2050 on are GeneralizedTime", () => {
    expect(Buffer.from(time(new Date("2049-12-31T23:59:59Z"))).toString("latin1")).toBe(
      "\u0017\r491231235959Z",
    );
    expect(Buffer.from(time(new Date("2050-01-01T00:00:00Z"))).toString("latin1")).toBe(
      "\u0018\u000f20500101000000Z",
    );
  });
});

test("an anchor of P-256 is a key that other software takes", () => {
  const operator = createTestOperator();
  const content = { generation: 1, publicKey: cardKeyOf("P-256") };
  const signature = operator.signCredential("P-256", content);
  const prefix = Buffer.from("3059301306072a8648ce3d020106082a8648ce3d030107034200", "hex");
  const spki = Buffer.concat([prefix, operator.anchors["P-256"]]);
  const key = createPublicKey({ key: spki, format: "der", type: "spki" });
  const statement = credentialStatement({ deployment, tenant: "acme", suite: 1, ...content });
  expect(verify("sha256", statement, { key, dsaEncoding: "ieee-p1363" }, signature)).toBe(true);
});
