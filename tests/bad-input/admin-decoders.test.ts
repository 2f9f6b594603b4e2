/**
 * The envelopes of /v1/admin and the wrapped columns, against seeded malformed inputs: they never
 * throw, and what they let through is what their shape says.
 */
import { expect, test } from "bun:test";
import { type GenericSchema, safeParse } from "valibot";
import * as schemas from "#edge/routes/admin-schemas";
import { activationRequest, rollbackRequest, ruleUpdate } from "#edge/routes/rule-schemas";
import {
  ssdUpdateOrder,
  subscriberEnrolment,
  subscriberKeyReplacement,
  subscriberNumberUpdate,
  subscriberProfileUpdate,
} from "#edge/routes/subscriber-schemas";
import { algorithms } from "#edge/algorithms";
import { DEFAULT_LIMITS } from "#edge/limits";
import { createVault, WrappingKeyAbsentError } from "#edge/vault";
import { encodeBase64Url, encodeHex, equalBytes } from "#protocol/bytes";
import { createSeeded } from "#tests/terminal/seeded";
import { mutateBytes, mutateEnvelope } from "./mutations.ts";

const INPUTS = 100_000;
const TIMEOUT_MS = 60_000;
const CARD_ID = "00112233445566AA";
const tenant = "default";
const text = (length: number): string => encodeBase64Url(new Uint8Array(length).fill(7));
const key = encodeHex(new Uint8Array(16).fill(9));

type Row = readonly [
  name: string,
  schema: GenericSchema,
  valid: Readonly<Record<string, unknown>>,
  /** Members that a default fills in. */
  defaults?: readonly string[],
];

const ROWS: readonly Row[] = [
  [
    "tenantSettings",
    schemas.tenantSettings,
    { anchors: { "P-256": text(65) }, cardRoots: [text(300), text(400)] },
  ],
  ["platformKeyRequest", schemas.platformKeyRequest, { tenant, suite: "P-256" }],
  [
    "platformKeyActivation",
    schemas.platformKeyActivation,
    { tenant, suite: "P-256", signature: text(64) },
  ],
  ["floorUpdate", schemas.floorUpdate, { tenant, suite: "P-256", floor: 2 }],
  ["enrolmentRequest", schemas.enrolmentRequest, { tenant, cardId: CARD_ID }],
  [
    "cardEnrolment",
    schemas.cardEnrolment,
    {
      tenant,
      cardId: CARD_ID,
      kind: "TF",
      suite: "P-256",
      certificates: [text(400), text(500)],
      servicePublicKey: text(65),
      challenge: text(16),
      token: text(36),
      proof: text(64),
    },
  ],
  ["subscriberBatch", schemas.subscriberBatch, { tenant, dryRun: true, update: false, rows: [{}] }],
  ["cardBatch", schemas.cardBatch, { tenant, dryRun: true, rows: [{}, 5, null] }],
  ["cardStatusUpdate", schemas.cardStatusUpdate, { tenant, status: "revoked" }],
  ["revocation", schemas.revocation, { tenant, fingerprint: "0".repeat(64) }],
  [
    "subscriberEnrolment",
    subscriberEnrolment({ algorithms, connectors: new Map(), limits: DEFAULT_LIMITS }),
    { tenant, imsi: "460010123456789", mncLength: 2, k: key, opc: key, amf: "8000", indBits: 5 },
    ["amf", "indBits", "msisdn", "profile"],
  ],
  [
    "subscriberKeyReplacement",
    subscriberKeyReplacement({ algorithms, limits: DEFAULT_LIMITS }),
    { tenant, algorithm: "cave", akey: key.slice(16), uimId: key.slice(24) },
    ["profile"],
  ],
  ["subscriberNumberUpdate", subscriberNumberUpdate, { tenant, msisdn: "8613800138000" }],
  [
    "subscriberProfileUpdate",
    subscriberProfileUpdate,
    { tenant, profile: { level: "gold", userGroups: ["sales"], services: [] } },
  ],
  ["cardDetailsUpdate", schemas.cardDetailsUpdate, { tenant, groups: ["sales"], company: "ACME" }],
  ["activationRequest", activationRequest, { tenant, force: true }, ["raiseFloor"]],
  ["rollbackRequest", rollbackRequest, { tenant, version: 1 }, ["force"]],
  ["ssdUpdateOrder", ssdUpdateOrder, { tenant }],
  ["subscriberStatusUpdate", schemas.subscriberStatusUpdate, { tenant, status: "barred" }],
  ["rewrapStepRequest, first", schemas.rewrapStepRequest(1), { check: true, slots: 2 }],
  [
    "rewrapStepRequest, next",
    schemas.rewrapStepRequest(1),
    { cursor: text(200) },
    ["check", "slots"],
  ],
  [
    "ruleUpdate",
    ruleUpdate,
    { tenant, target: { card: CARD_ID }, condition: { operator: "46001" }, onMismatch: "lock" },
  ],
];

test.each(ROWS)(
  "%s never throws and lets nothing through but its own members",
  (name, schema, valid, defaults = []) => {
    const seeded = createSeeded(name.length);
    expect(safeParse(schema, valid).success).toBe(true);
    const members = new Set([...Object.keys(valid), ...defaults, "tenant", "op", "opc"]);
    let accepted = 0;
    for (let input = 0; input < INPUTS; input++) {
      const parsed = safeParse(schema, mutateEnvelope(seeded, valid));
      if (!parsed.success) continue;
      accepted += 1;
      const output = Object.keys(Object(parsed.output));
      if (!output.every((member) => members.has(member))) expect(output).toEqual([...members]);
    }
    process.stdout.write(`${name}: ${INPUTS} inputs, ${accepted} accepted\n`);
    expect(accepted).toBeLessThan(INPUTS);
  },
  TIMEOUT_MS,
);

test(
  "a wrapped column opens unchanged or not at all",
  () => {
    const seeded = createSeeded(16);
    const vault = createVault(new Uint8Array(32).fill(5), (length) =>
      crypto.getRandomValues(new Uint8Array(length)),
    );
    const secret = new Uint8Array(16).fill(3);
    const wrapped = vault.wrap("k", "default/1", secret);
    expect(vault.unwrap("k", "default/1", wrapped)).toEqual(secret);
    let opened = 0;
    let absent = 0;
    for (let input = 0; input < INPUTS; input++) {
      const mutated = mutateBytes(seeded, wrapped);
      try {
        if (vault.unwrap("k", "default/1", mutated) === undefined) continue;
      } catch (error) {
        // Another id of the wrapping key.
        expect(error).toBeInstanceOf(WrappingKeyAbsentError);
        absent += 1;
        continue;
      }
      opened += 1;
      if (!equalBytes(mutated, wrapped)) expect(encodeHex(mutated)).toBe(encodeHex(wrapped));
    }
    process.stdout.write(
      `wrapped column: ${INPUTS} inputs, ${opened} opened, all unchanged; ${absent} of another key\n`,
    );
    expect(opened).toBeLessThan(INPUTS);
  },
  TIMEOUT_MS,
);
