/** RFC 5280, 6.1, as far as card chains go: every reason, by a chain that differs in one thing. */
import { describe, expect, test } from "bun:test";

import { verifyCardChain } from "#edge/secure-connection/card-certificate";
import { concatBytes, encodeHex } from "#protocol/bytes";

import {
  CARD,
  CARD_ID,
  type Changes,
  ISSUER,
  judge,
  type Link,
  LINKS,
  makeChain,
  nodeTools,
  NOW,
  ROOT,
  SPECS,
} from "./chain-fixture.ts";
import {
  CA_USAGE,
  caConstraints,
  CARD_USAGE,
  commonName,
  der,
  ECDSA_WITH_SHA384,
  type ExtensionSpec,
  fromHex,
  keyUsage,
  makeCertificate,
  makeExtension,
  makeKeyPair,
  makeName,
  makeTime,
  noCaConstraints,
  rawTime,
  serialNumber,
  specOf,
} from "./make-certificate.ts";

const judgeChanged = (changes: Changes): string => judge(makeChain(changes));
const extensions = (...specs: readonly ExtensionSpec[]) => ({
  extensions: specs.map(makeExtension),
});
const usage = (bits: string) => extensions(noCaConstraints, keyUsage(bits));
const constrained = (value: string) =>
  extensions({ ...noCaConstraints, value: fromHex(value) }, keyUsage(CARD_USAGE));
const withLength = (length: number) => extensions(caConstraints(length), keyUsage(CA_USAGE));
const padded = (length: number) => {
  const filler = { oid: "06032a0304", critical: false, value: new Uint8Array(length) };
  return extensions(noCaConstraints, keyUsage(CARD_USAGE), filler);
};
const newYear = (year: string) => rawTime(0x17, `${year}0101000000Z`);
const usageOnly = { card: CARD_USAGE, issuer: CA_USAGE, policy: CA_USAGE, root: CA_USAGE };
const ISSUERS: readonly Link[] = ["issuer", "policy", "root"];
const EXTENDED_KEY_USAGE = { oid: "0603551d25", value: fromHex("300a06082b06010505070302") };

describe("a chain that verifies", () => {
  test("gives the card's key, every fingerprint and the common validity", () => {
    const chain = makeChain();
    const outcome = verifyCardChain(nodeTools, {
      ...chain,
      cardId: CARD_ID,
      family: "ECDSA",
      now: NOW,
    });
    const all = [...chain.certificates, ...chain.roots];
    expect(outcome).toEqual({
      ok: true,
      value: {
        publicKey: CARD.key.publicKey,
        fingerprints: all.map((bytes) => encodeHex(nodeTools.core.sha256(bytes))),
        notBefore: NOW - 31_536_000_000,
        notAfter: NOW + 31_536_000_000,
      },
    });
  });

  test("may be as short as card and root", () => {
    const card = makeCertificate({ ...SPECS.card, issuer: ROOT.name, signer: ROOT.key });
    expect(judge({ certificates: [card] })).toBe("ok");
  });

  test("may end in any of the roots, also in one of two with the same name", () => {
    const chain = makeChain();
    const namesake = makeCertificate(
      specOf({ name: ROOT.name, key: makeKeyPair() }, ROOT, [NOW, NOW], []),
    );
    const roots = [new Uint8Array(9), namesake, ...makeChain().roots, ...chain.roots];
    expect(judge({ ...chain, roots })).toBe("ok");
    expect(judge({ ...chain, roots: [...chain.roots, namesake] })).toBe("ok");
  });

  test("may carry extensions that need no understanding, and no path length", () => {
    const more = { ...EXTENDED_KEY_USAGE, critical: false };
    const card = extensions(noCaConstraints, keyUsage(CARD_USAGE), more);
    const policy = extensions(more, caConstraints(), keyUsage("0106"));
    expect(judgeChanged({ card, policy })).toBe("ok");
    expect(judgeChanged({ card: extensions(keyUsage(CARD_USAGE)) })).toBe("ok");
    expect(judgeChanged({ card: extensions(keyUsage("070080")) })).toBe("key_usage_missing");
    expect(judgeChanged({ card: extensions(keyUsage("078080")) })).toBe("ok");
  });

  test("may have the serial number as UTF8String", () => {
    expect(judgeChanged({ card: { subject: makeName(serialNumber(CARD_ID, 0x0c)) } })).toBe("ok");
  });
});

describe("refused", () => {
  test("chain_malformed: nothing to verify, or no certificate at all", () => {
    const { certificates } = makeChain();
    const [card = new Uint8Array(0), ...issuers] = certificates;
    expect(judge({ certificates: [] })).toBe("chain_malformed");
    expect(judge({ certificates: [new Uint8Array(0), ...issuers] })).toBe("chain_malformed");
    const longer = concatBytes(card, Uint8Array.of(0));
    expect(judge({ certificates: [longer, ...issuers] })).toBe("chain_malformed");
    expect(judge({ certificates: [card.slice(0, -1), ...issuers] })).toBe("chain_malformed");
  });

  test("chain_malformed: what RFC 5280 does not allow in a certificate", () => {
    const notCritical = der(0x30, fromHex("0603551d0f"), fromHex("010100"), der(4, fromHex("00")));
    const badFlag = der(0x30, fromHex("0603551d0f"), fromHex("010101"), der(4, fromHex("00")));
    const compressed = concatBytes(
      fromHex("3039301306072a8648ce3d020106082a8648ce3d030107032200"),
      Uint8Array.of(2),
      CARD.key.publicKey.slice(1, 33),
    );
    const validity = [makeTime(NOW), makeTime(NOW)];
    const cases = [
      { extensions: [] },
      { extensions: [notCritical] },
      { extensions: [badFlag] },
      { extensions: [fromHex("3000")] },
      { extensions: [fromHex("0500")] },
      usage(""),
      usage("08"),
      usage("0680"),
      usage("0780000000"),
      usage("0700"),
      usage("01"),
      constrained("30030101"),
      constrained("3003010100"),
      constrained("3003020100"),
      constrained("30060101ff020180"),
      constrained("30070101ff02020001"),
      constrained("30090101ff020100020100"),
      constrained("3000ff"),
      { subject: fromHex("3000") },
      { issuer: fromHex("3000") },
      { extra: fromHex("81020011") },
      { unusedSignatureBits: 1 },
      { spki: compressed },
      { validity: [makeTime(NOW)] },
      { validity: [...validity, makeTime(NOW)] },
      { validity: [rawTime(0x17, "270230120000Z"), makeTime(NOW)] },
      { validity: [rawTime(0x17, "2706151200Z"), makeTime(NOW)] },
      { validity: [rawTime(0x17, "270615120000+0000"), makeTime(NOW)] },
      { validity: [rawTime(0x17, "270615126000Z"), makeTime(NOW)] },
      { validity: [rawTime(0x18, "20270615120000Z"), makeTime(NOW)] },
      { validity: [rawTime(0x18, "20510615120000.5Z"), makeTime(NOW)] },
      { validity: [rawTime(0x13, "270615120000Z"), makeTime(NOW)] },
    ];
    for (const card of cases) {
      expect(judgeChanged({ card }), JSON.stringify(card)).toBe("chain_malformed");
    }
  });

  test("chain_malformed: lengths that DER writes shorter", () => {
    const { certificates } = makeChain();
    const [card = new Uint8Array(0), ...issuers] = certificates;
    const content = card.slice(4);
    const [high = 0, low = 0] = card.subarray(2, 4);
    const long = concatBytes(Uint8Array.of(0x30, 0x83, 0, high, low), content);
    const indefinite = concatBytes(Uint8Array.of(0x30, 0x80), content, Uint8Array.of(0, 0));
    for (const bytes of [long, indefinite]) {
      expect(judge({ certificates: [bytes, ...issuers] })).toBe("chain_malformed");
    }
    const lengthened = extensions(keyUsage(CARD_USAGE)).extensions.map((bytes) =>
      concatBytes(Uint8Array.of(0x30, 0x81), bytes.slice(1)),
    );
    expect(judgeChanged({ card: { extensions: lengthened } })).toBe("chain_malformed");
  });

  test("chain_too_long", () => {
    const { certificates } = makeChain();
    const more = certificates.slice(-1);
    expect(judge({ certificates: [...certificates, ...more] })).toBe("chain_too_long");
  });

  test("certificate_too_large: above 4096 bytes", () => {
    const sizeOf = (length: number): number =>
      makeCertificate({ ...SPECS.card, ...padded(length) }).length;
    expect(sizeOf(3300)).toBeLessThanOrEqual(4096);
    expect(sizeOf(4096)).toBeGreaterThan(4096);
    expect(judgeChanged({ card: padded(3300) })).toBe("ok");
    expect(judgeChanged({ card: padded(4096) })).toBe("certificate_too_large");
    expect(judgeChanged({ policy: padded(4096) })).toBe("certificate_too_large");
  });

  test("version_not_supported: v1 by default and v2", () => {
    for (const version of ["", "a003020101", "a003020103", "a00402020002"]) {
      const card = { version: fromHex(version) };
      expect(judgeChanged({ card })).toBe("version_not_supported");
    }
  });

  test.each(["card", "issuer", "policy"] as const)(
    "algorithm_not_supported: in either place, or for the key, of %s",
    (link) => {
      const cases = [
        { innerAlgorithm: ECDSA_WITH_SHA384 },
        { outerAlgorithm: ECDSA_WITH_SHA384 },
        { innerAlgorithm: ECDSA_WITH_SHA384, outerAlgorithm: ECDSA_WITH_SHA384 },
        { innerAlgorithm: fromHex("300c06082a8648ce3d0403020500") },
        { spki: makeKeyPair("P-384").spki },
      ];
      for (const change of cases) {
        expect(judgeChanged({ [link]: change })).toBe("algorithm_not_supported");
      }
    },
  );

  test("duplicate_extension", () => {
    const card = extensions(noCaConstraints, keyUsage(CARD_USAGE), keyUsage(CARD_USAGE));
    expect(judgeChanged({ card })).toBe("duplicate_extension");
    const other = { ...EXTENDED_KEY_USAGE, critical: false };
    expect(judgeChanged({ card: extensions(keyUsage(CARD_USAGE), other, other) })).toBe(
      "duplicate_extension",
    );
  });

  test.each(["card", "issuer", "policy"] as const)("unknown_critical_extension of %s", (link) => {
    const spec = { ...EXTENDED_KEY_USAGE, critical: true };
    const changed = [...SPECS[link].extensions, makeExtension(spec)];
    expect(judgeChanged({ [link]: { extensions: changed } })).toBe("unknown_critical_extension");
  });

  test("self_issued_certificate: a root or another issuer of its own among the chain", () => {
    const { certificates, roots } = makeChain();
    const [card = new Uint8Array(0), issuer = new Uint8Array(0)] = certificates;
    const selfIssued = makeCertificate({ ...SPECS.issuer, issuer: ISSUER.name });
    expect(judge({ certificates: [card, selfIssued], roots: [selfIssued] })).toBe(
      "self_issued_certificate",
    );
    const direct = makeCertificate({ ...SPECS.card, issuer: ROOT.name, signer: ROOT.key });
    expect(judge({ certificates: [direct, ...roots], roots })).toBe("self_issued_certificate");
    expect(judge({ certificates: [card, issuer], roots: [issuer] })).toBe("issuer_unknown");
  });

  test("issuer_unknown: wrong order, a gap, another name, no root", () => {
    const { certificates, roots } = makeChain();
    const [card = new Uint8Array(0), issuer = new Uint8Array(0), policy = new Uint8Array(0)] =
      certificates;
    const stranger = makeName(commonName("Issuing CA "));
    expect(judge({ certificates: [card, policy, issuer], roots })).toBe("issuer_unknown");
    expect(judge({ certificates: [card, policy], roots })).toBe("issuer_unknown");
    expect(judge({ certificates: [card], roots })).toBe("issuer_unknown");
    expect(judge({ certificates: [card, issuer], roots })).toBe("issuer_unknown");
    expect(judge({ certificates, roots: [] })).toBe("issuer_unknown");
    expect(judge({ certificates, roots: [card, issuer, new Uint8Array(0)] })).toBe(
      "issuer_unknown",
    );
    expect(judgeChanged({ card: { issuer: stranger } })).toBe("issuer_unknown");
    expect(judgeChanged({ issuer: { subject: stranger } })).toBe("issuer_unknown");
    expect(judgeChanged({ root: { issuer: stranger } })).toBe("issuer_unknown");
  });

  test("issuer_unknown: a trusted intermediate certificate is no root", () => {
    const { certificates } = makeChain();
    const [card = new Uint8Array(0), issuer = new Uint8Array(0), policy] = certificates;
    expect(judge({ certificates: [card, issuer], roots: policy ? [policy] : [] })).toBe(
      "issuer_unknown",
    );
  });

  test.each(ISSUERS)("issuer_not_ca: %s without the flag, or with one not critical", (link) => {
    const own = keyUsage(usageOnly[link]);
    for (const spec of [[noCaConstraints, own], [own], [caConstraints(2, false), own]]) {
      expect(judgeChanged({ [link]: extensions(...spec) })).toBe("issuer_not_ca");
    }
  });

  test("card_is_ca", () => {
    const card = extensions(caConstraints(), keyUsage("0284"));
    expect(judgeChanged({ card })).toBe("card_is_ca");
  });

  test.each(["policy", "root"] as const)("path_length_exceeded at %s", (link) => {
    const allowed = { policy: 1, root: 2 }[link];
    expect(judgeChanged({ [link]: withLength(allowed) })).toBe("ok");
    expect(judgeChanged({ [link]: withLength(allowed - 1) })).toBe("path_length_exceeded");
  });

  test.each([...LINKS])("key_usage_missing: %s without its bit, or without any", (link) => {
    const constraints = link === "card" ? noCaConstraints : caConstraints();
    const wrong = keyUsage(link === "card" ? "0640" : CARD_USAGE);
    for (const spec of [[constraints], [constraints, wrong]]) {
      expect(judgeChanged({ [link]: extensions(...spec) })).toBe("key_usage_missing");
    }
  });

  test("subject_mismatch: another serial number, none, two, another type", () => {
    const subjects = [
      makeName(commonName("a card"), serialNumber("00112233445566AB")),
      makeName(commonName(CARD_ID)),
      makeName(serialNumber(CARD_ID), serialNumber(CARD_ID)),
      makeName(serialNumber(CARD_ID.toLowerCase())),
      makeName(serialNumber(`${CARD_ID} `)),
      makeName(serialNumber(CARD_ID, 0x16)),
      fromHex("300430020500"),
    ];
    for (const subject of subjects) {
      expect(judgeChanged({ card: { subject } })).toBe("subject_mismatch");
    }
    expect(judge({ cardId: "00112233445566AB" })).toBe("subject_mismatch");
  });

  test.each([...LINKS])("not_yet_valid and expired: %s, to the millisecond", (link) => {
    const later = NOW + 1000;
    const late = [makeTime(later), makeTime(NOW + 1e10)];
    const over = [makeTime(NOW - 1e10), makeTime(later)];
    expect(judge({ ...makeChain({ [link]: { validity: late } }), now: later - 1 })).toBe(
      "not_yet_valid",
    );
    expect(judge({ ...makeChain({ [link]: { validity: late } }), now: later })).toBe("ok");
    expect(judge({ ...makeChain({ [link]: { validity: over } }), now: later })).toBe("ok");
    expect(judge({ ...makeChain({ [link]: { validity: over } }), now: later + 1 })).toBe("expired");
  });

  test("dates: two digits of the year mean 1950 to 2049 (RFC 5280, 4.1.2.5.1)", () => {
    const until = rawTime(0x18, "99991231235959Z");
    expect(judgeChanged({ card: { validity: [newYear("50"), until] } })).toBe("ok");
    expect(judgeChanged({ card: { validity: [newYear("49"), until] } })).toBe("not_yet_valid");
  });

  test.each(["card", "issuer"] as const)("key_not_on_curve: %s", (link) => {
    const spki = new Uint8Array(SPECS[link].spki);
    spki[spki.length - 1] = (spki.at(-1) ?? 0) ^ 1;
    expect(judgeChanged({ [link]: { spki } })).toBe("key_not_on_curve");
  });

  test.each([...LINKS])("signature_invalid: %s signed by another key", (link) => {
    expect(judgeChanged({ [link]: { signer: makeKeyPair() } })).toBe("signature_invalid");
  });

  test("signature_invalid: every signature is over the bytes that came", () => {
    const { certificates, roots } = makeChain();
    const all = [...certificates, ...roots];
    for (const [i, bytes] of all.entries()) {
      const altered = new Uint8Array(bytes);
      // The certificate's own serial number, which nothing else looks at: 02 02 01 01.
      const at = Buffer.from(bytes).indexOf(Buffer.from(fromHex("02020101"))) + 3;
      altered[at] = 2;
      const changed = all.with(i, altered);
      expect(judge({ certificates: changed.slice(0, 3), roots: changed.slice(3) })).toBe(
        "signature_invalid",
      );
    }
  });

  test("a flag of TRUE that is only nearly so gives no authority", () => {
    const value = der(0x30, fromHex("010101"));
    const policy = extensions({ ...caConstraints(), value }, keyUsage(CA_USAGE));
    expect(judgeChanged({ policy })).toBe("chain_malformed");
  });
});
