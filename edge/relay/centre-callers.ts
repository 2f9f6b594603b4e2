/** Points of presence that this platform is the authentication centre of. */
import { GSUP_NAME_PATTERN } from "../access-authentication/authentication-centre/gsup/client.ts";
import {
  checkSecret,
  ConfigurationError,
  readInteger,
  readText,
  type UncheckedEnvironment,
} from "../environment.ts";
import type { Bytes } from "#protocol/bytes";
import { DEFAULT_TENANT, TENANT_PATTERN } from "#protocol/identifiers";

export interface CentreCaller {
  /** 32 bytes. */
  readonly key: Bytes;
  /** Of its vectors, and of nobody else's (TS 33.102, C.1.1.1: IND). */
  readonly slot: number;
  /** Whose subscribers it may ask for. */
  readonly tenant: string;
}

export interface CentreCallers {
  /** By name. */
  readonly callers: ReadonlyMap<string, CentreCaller>;
  /** Of one caller. */
  readonly questionsPerMinute: number;
}

const VARIABLE = "SIMLATCH_CENTRE_CALLERS";
const QUESTIONS_PER_MINUTE = 6000;
const QUESTIONS_PER_MINUTE_MAX = 1_000_000;

export function readQuestionsPerMinute(environment: UncheckedEnvironment): number {
  const name = "SIMLATCH_RELAY_PER_MINUTE";
  return readInteger(environment, name, QUESTIONS_PER_MINUTE, 1, QUESTIONS_PER_MINUTE_MAX);
}

/**
 * NAME:KEY:SLOT or NAME:KEY:SLOT:TENANT of each, with spaces between them; undefined when there are
 * none.
 */
export function readCentreCallers(
  environment: UncheckedEnvironment,
  slots: { readonly own: number; readonly count: number },
): CentreCallers | undefined {
  const callers = new Map<string, CentreCaller>();
  const taken = new Set([slots.own]);
  for (const entry of (readText(environment, VARIABLE) ?? "").split(/\s+/).filter(Boolean)) {
    const [name = "", key = "", digits = "", tenant = DEFAULT_TENANT, ...rest] = entry.split(":");
    const slot = /^[0-9]{1,2}$/.test(digits) ? Number(digits) : slots.count;
    const isNamed = GSUP_NAME_PATTERN.test(name) && TENANT_PATTERN.test(tenant);
    if (!isNamed || callers.has(name) || rest.length > 0) {
      throw new ConfigurationError(
        `Set ${VARIABLE} to NAME:KEY:SLOT or NAME:KEY:SLOT:TENANT of each point of presence, with ` +
          "spaces between them and no name twice.",
      );
    }
    if (slot >= slots.count || taken.has(slot)) {
      throw new ConfigurationError(
        `Give each point of presence in ${VARIABLE} a slot below SIMLATCH_SLOTS that neither ` +
          "another one nor SIMLATCH_SLOT has.",
      );
    }
    taken.add(slot);
    callers.set(name, { key: checkSecret(`each KEY of ${VARIABLE}`, key), slot, tenant });
  }
  if (callers.size === 0) return undefined;
  return { callers, questionsPerMinute: readQuestionsPerMinute(environment) };
}
