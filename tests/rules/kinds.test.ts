/**
 * The rule kinds of the patent, one by one: one rule of this kind alone, a subscriber that it
 * allows, one that it does not, and what the audit says of either.
 */
import { afterEach, expect, test } from "bun:test";
import type { SubscriberProfileUpdate } from "#protocol/admin";
import type { RuleUpdate } from "#protocol/admin-rules";
import type { FleetSubscriber } from "#tests/fleet/fleet";
import { AWAY, HOME, openRules, type RuleBench } from "./bench.ts";

let bench: RuleBench | undefined;
afterEach(async () => {
  await bench?.rig.dispose();
  bench = undefined;
});

interface Kind {
  readonly kind: string;
  readonly allowed: Parameters<RuleBench["addSubscriber"]>[0];
  readonly refused: Parameters<RuleBench["addSubscriber"]>[0];
  readonly condition: (allowed: FleetSubscriber) => RuleUpdate["condition"];
  readonly field: string;
}

const profile = (given: NonNullable<SubscriberProfileUpdate["profile"]>) => ({ profile: given });

const KINDS: readonly Kind[] = [
  {
    kind: "one subscriber by IMSI",
    allowed: {},
    refused: {},
    condition: ({ imsi }) => ({ imsi }),
    field: "imsi",
  },
  {
    kind: "one subscriber by number",
    allowed: { msisdn: "8613900000001" },
    refused: { msisdn: "8613900000002" },
    condition: () => ({ msisdn: "8613900000001" }),
    field: "msisdn",
  },
  {
    kind: "an operator",
    allowed: { operator: HOME },
    refused: { operator: AWAY },
    condition: () => ({ operator: HOME }),
    field: "operator",
  },
  {
    kind: "the home region",
    allowed: profile({ homeRegion: "Guangdong" }),
    refused: profile({ homeRegion: "Sichuan" }),
    condition: () => ({ homeRegion: "Guangdong" }),
    field: "homeRegion",
  },
  {
    kind: "a user group",
    allowed: profile({ userGroups: ["field staff", "drivers"] }),
    refused: profile({ userGroups: ["office"] }),
    condition: () => ({ userGroup: "drivers" }),
    field: "userGroup",
  },
  {
    kind: "a customer level",
    allowed: profile({ level: "diamond" }),
    refused: profile({ level: "gold" }),
    condition: () => ({ level: "diamond" }),
    field: "level",
  },
  {
    kind: "a company customer",
    allowed: profile({ company: "ACME" }),
    refused: profile({}),
    condition: () => ({ company: "ACME" }),
    field: "company",
  },
  {
    kind: "service attributes",
    allowed: profile({ services: ["mobile payment", "VPN", "roaming"] }),
    refused: profile({ services: ["mobile payment"] }),
    condition: () => ({ services: ["mobile payment", "VPN"] }),
    field: "services",
  },
  {
    kind: "a range of IMSIs",
    allowed: { operator: HOME },
    refused: { operator: AWAY },
    condition: () => ({ imsiRange: { from: "460010000000000", to: "460019999999999" } }),
    field: "imsiRange",
  },
  {
    kind: "a service provider of TS 22.022",
    allowed: profile({ serviceProvider: "1A" }),
    refused: profile({ serviceProvider: "1B" }),
    condition: () => ({ operator: HOME, serviceProvider: "1A" }),
    field: "serviceProvider",
  },
  {
    kind: "a corporate of TS 22.022",
    allowed: profile({ serviceProvider: "1A", corporate: "0007" }),
    refused: profile({ serviceProvider: "1A", corporate: "0008" }),
    condition: () => ({ serviceProvider: "1A", corporate: "0007" }),
    field: "corporate",
  },
  {
    kind: "a network subset of TS 22.022",
    allowed: profile({ networkSubset: "77" }),
    refused: profile({ networkSubset: "78" }),
    condition: () => ({ operator: HOME, networkSubset: "77" }),
    field: "networkSubset",
  },
];

test.each(KINDS.map((kind) => [kind.kind, kind] as const))(
  "M8: %s: allowed and refused, with the rule and its field in the audit",
  async (_name, kind) => {
    bench = await openRules();
    const allowed = await bench.addSubscriber(kind.allowed);
    const refused = await bench.addSubscriber(kind.refused);
    await bench.rule("only", { condition: kind.condition(allowed), onMismatch: "refuse" });
    expect(await bench.bind(refused)).toEqual({
      verdict: "FAILURE",
      why: `no_rule_allows rule only field ${kind.field}`,
    });
    expect(bench.lockPhase()).toBe("none");
    expect(await bench.bind(allowed)).toEqual({ verdict: "SUCCESS", why: "rule only" });
    // The same rule, stricter about what it tells the card.
    await bench.rule("only", { condition: kind.condition(allowed), onMismatch: "lock" });
    expect((await bench.bind(refused)).verdict).toBe("FAILURE");
    expect(bench.lockPhase()).toBe("issued");
  },
);
