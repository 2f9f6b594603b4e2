/** Deviations in the lease and its services. */
import type { Deviation } from "./deviation.ts";

const BINDING = "tests/emulators/card/binding-commands.ts";
const CARD = "tests/emulators/card/card.ts";
const COMMANDS = "tests/emulators/card/commands.ts";
const LEASE = "tests/emulators/card/lease.ts";
const SERVICES = "tests/emulators/card/services.ts";

const P256 = { suite: "P-256", modes: ["signed"] } as const;

export const LEASE_DEVIATIONS: readonly Deviation[] = [
  {
    rows: ["LSE-01"],
    what: "only the first half of a long document is signed",
    edits: [
      [
        SERVICES,
        "sign(profile.keys.servicePrivateKey, document)",
        "sign(profile.keys.servicePrivateKey, document.slice(0, 512))",
      ],
    ],
  },
  {
    rows: ["LSE-02", "LSE-10"],
    what: "the nonce counts as plaintext of DECIPHER",
    edits: [
      [SERVICES, "overheadBytes: LENGTH.aeadIv + LENGTH.aeadTag", "overheadBytes: LENGTH.aeadTag"],
    ],
  },
  {
    rows: ["LSE-03"],
    what: "ENCIPHER always takes the same nonce",
    edits: [[SERVICES, "drawRandom(context, LENGTH.aeadIv)", "new Uint8Array(LENGTH.aeadIv)"]],
  },
  {
    rows: ["LSE-04", "LSE-05", "LSE-09", "LSE-24"],
    what: "services take no use",
    edits: [[SERVICES, "  context.ram.lease = takeUse(lease);\n", ""]],
  },
  {
    rows: ["LSE-05"],
    what: "the card serves on without uses",
    edits: [
      [
        LEASE,
        "lease.uses > 1 ? { ...lease, uses: lease.uses - 1 } : undefined",
        "{ ...lease, uses: lease.uses - 1 }",
      ],
    ],
  },
  {
    rows: ["LSE-06"],
    what: "ENCIPHER goes by the bit of DECIPHER",
    edits: [[SERVICES, "{ bit: SERVICE.encipher,", "{ bit: SERVICE.decipher,"]],
  },
  {
    rows: ["LSE-07"],
    what: "a bit without meaning grants everything",
    edits: [[LEASE, "(lease.services & service)", "(lease.services & (service | 0x80))"]],
  },
  {
    rows: ["LSE-08"],
    what: "a refused service takes a use",
    edits: [
      [
        SERVICES,
        "  if (!isCovered(lease, service.bit)) return",
        "  if (!isCovered(lease, service.bit) && lease !== undefined) context.ram.lease = takeUse(lease);\n  if (!isCovered(lease, service.bit)) return",
      ],
    ],
  },
  {
    rows: ["LSE-09"],
    what: "a wrong tag costs nothing",
    edits: [
      [
        SERVICES,
        "  context.ram.lease = takeUse(lease);\n  const answer = service.operate(context, data);",
        "  const answer = service.operate(context, data);\n  if (answer !== undefined) context.ram.lease = takeUse(lease);",
      ],
    ],
  },
  {
    rows: ["LSE-10"],
    what: "a wrong length costs a use",
    edits: [
      [
        SERVICES,
        "  const documentBytes =",
        "  context.ram.lease = takeUse(lease);\n  const documentBytes =",
      ],
    ],
  },
  {
    rows: ["LSE-05", "LSE-11", "LSE-20", "LSE-21", "LSE-22", "UNL-15"],
    what: "a service without a lease is out of order",
    edits: [
      [
        SERVICES,
        "service.bit)) return { sw: SW.securityStatusNotSatisfied };",
        "service.bit)) return { sw: lease === undefined ? SW.conditionsNotSatisfied : SW.securityStatusNotSatisfied };",
      ],
    ],
  },
  {
    rows: ["LSE-01", "LSE-12"],
    what: "documents are signed by the credential key",
    on: P256,
    edits: [
      [
        SERVICES,
        "  return suite.curve.sign(profile.keys.servicePrivateKey, document);",
        `  const { credential } = profile.keys;\n  if (credential.kind !== "key pair") return suite.curve.sign(profile.keys.servicePrivateKey, document);\n  return credential.sign(document, (bytes) => new Uint8Array(bytes));`,
      ],
    ],
  },
  {
    rows: ["LSE-21", "LSE-22"],
    what: "SELECT leaves the card serving",
    edits: [[COMMANDS, "  ram.lease = undefined;\n", ""]],
  },
  {
    rows: ["LSE-11", "LSE-20", "LSE-21", "LSE-22", "RES-36"],
    what: "neither reset nor SELECT ends serving",
    edits: [
      [COMMANDS, "  ram.lease = undefined;\n", ""],
      [
        CARD,
        "    context = { ...fixed, ram: createRam(powered) };",
        "    context = { ...fixed, ram: { ...createRam(powered), lease: context.ram.lease } };",
      ],
    ],
  },
  {
    rows: ["LSE-23"],
    what: "SELECT leaves the session",
    edits: [[COMMANDS, "  ram.session = undefined;\n", ""]],
  },
  {
    rows: ["LSE-24"],
    what: "a new lease is added to the old one",
    edits: [
      [
        BINDING,
        "{ uses, seconds, services, startedAtSeconds }",
        "{ uses: uses + (ram.lease?.uses ?? 0), seconds, services, startedAtSeconds }",
      ],
    ],
  },
  {
    rows: ["LSE-25"],
    what: "the seconds never end",
    on: { hasClock: true },
    edits: [[LEASE, "return Math.max(0, lease.seconds", "return Math.max(1, lease.seconds"]],
  },
];
