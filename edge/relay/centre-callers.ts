/** Points of presence that this platform is the authentication centre of. */
import { ConfigurationError, type UncheckedEnvironment } from "../environment.ts";
import type { Bytes } from "#protocol/bytes";
import { DEFAULT_TENANT, TENANT_PATTERN } from "#protocol/identifiers";
import { malformedCallers, readCallerEntries, readQuestionsPerMinute } from "./caller-entries.ts";

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
const FORM = "NAME:KEY:SLOT or NAME:KEY:SLOT:TENANT";

/** Undefined when there are none. */
export function readCentreCallers(
  environment: UncheckedEnvironment,
  slots: { readonly own: number; readonly count: number },
): CentreCallers | undefined {
  const callers = new Map<string, CentreCaller>();
  const taken = new Set([slots.own]);
  for (const { name, key, more } of readCallerEntries(environment, VARIABLE, FORM)) {
    const [digits = "", tenant = DEFAULT_TENANT, ...rest] = more;
    if (!TENANT_PATTERN.test(tenant) || rest.length > 0) throw malformedCallers(VARIABLE, FORM);
    const slot = /^[0-9]{1,2}$/.test(digits) ? Number(digits) : slots.count;
    if (slot >= slots.count || taken.has(slot)) {
      throw new ConfigurationError(
        `Give each point of presence in ${VARIABLE} a slot below SIMLATCH_SLOTS that neither ` +
          "another one nor SIMLATCH_SLOT has.",
      );
    }
    taken.add(slot);
    callers.set(name, { key, slot, tenant });
  }
  if (callers.size === 0) return undefined;
  return { callers, questionsPerMinute: readQuestionsPerMinute(environment) };
}
