/** Unchecked environment -> checked configuration. What is missing or weak stops the start. */
import { type Bytes, decodeHex } from "#protocol/bytes";
import { LENGTH } from "#protocol/assigned-numbers";
import {
  ConfigurationError,
  DISTINCT_BYTES_MIN,
  isRegular,
  readInteger,
  readSecret,
  readText,
  type UncheckedEnvironment,
} from "./environment.ts";
import { COUNTRY_PATTERN } from "#protocol/rules";
import type { DirectorySettings } from "./directory/http-directory.ts";
import { readDirectory } from "./directory/settings.ts";
import { type GsupSettings, readGsupCentres } from "./gsup-settings.ts";
import { DEFAULT_LIMITS, LIMIT_MAXIMA, type Limits } from "./limits.ts";
import type { NudmSettings } from "./nudm/client.ts";
import { readNudmCentres } from "./nudm/settings.ts";
import { type CentreCallers, readCentreCallers } from "./relay/centre-callers.ts";
import { parseWrappingKeys, type WrappingKeys, type WrappingKeysFault } from "./wrapping-keys.ts";

export interface Configuration {
  readonly masterKey: Bytes;
  readonly wrappingKeys: WrappingKeys;
  /** 16 bytes. */
  readonly deployment: Bytes;
  /** Absent: the administration routes do not exist. */
  readonly adminKey: string | undefined;
  readonly storeGeneration: number;
  readonly slot: number;
  readonly slots: number;
  /** Of this point of presence; absent where callers bring it along, or nobody knows. */
  readonly country: string | undefined;
  readonly limits: Limits;
  /** HLRs, and platforms that are asked like one, by the name that `centre` of a subscriber has. */
  readonly gsupCentres: ReadonlyMap<string, GsupSettings>;
  /** Absent: the catalog's own customer data. */
  readonly directory: DirectorySettings | undefined;
  /** UDMs, by the name that `centre` of a subscriber has. */
  readonly nudmCentres: ReadonlyMap<string, NudmSettings>;
  /** Whom this platform is the authentication centre of; absent: nobody but itself. */
  readonly centreCallers: CentreCallers | undefined;
}

const ADMIN_KEY_CHARACTERS_MIN = 32;
/** Five bits of IND in the usual profile (TS 33.102, C.3.2). */
const SLOTS_MAX = 32;
const INTEGER_MAX = 2_147_483_647;

export function checkEnvironment(environment: UncheckedEnvironment): Configuration {
  const slots = readInteger(environment, "SIMLATCH_SLOTS", 1, 1, SLOTS_MAX);
  const slot = readInteger(environment, "SIMLATCH_SLOT", 0, 0, slots - 1);
  const masterKey = readSecret(environment, "SIMLATCH_MASTER_KEY");
  return {
    masterKey,
    wrappingKeys: readWrappingKeys(environment, masterKey),
    deployment: readDeployment(environment),
    adminKey: readAdminKey(environment),
    storeGeneration: readInteger(environment, "SIMLATCH_STORE_GENERATION", 1, 1, INTEGER_MAX),
    slot,
    slots,
    country: readCountry(environment),
    limits: readLimits(environment),
    gsupCentres: readGsupCentres(environment, slot),
    directory: readDirectory(environment),
    nudmCentres: readNudmCentres(environment),
    centreCallers: readCentreCallers(environment, { own: slot, count: slots }),
  };
}

const WRAPPING_KEYS_ADVICE: Readonly<Record<WrappingKeysFault, string>> = {
  malformed:
    'to entries like "2:<32 bytes, base64url>", the newest first, or 0 for the key that is made ' +
    'from the master key; "bun run simlatch keys --wrapping 2" makes an entry',
  too_many: "to at most 16 entries; remove keys that no row needs",
  id_twice: "to entries with an id each",
  key_twice: "to keys that differ from each other and from the master key",
  regular: "to random keys; one of them is too regular",
};

function readWrappingKeys(environment: UncheckedEnvironment, masterKey: Bytes): WrappingKeys {
  const name = "SIMLATCH_WRAPPING_KEYS";
  const parsed = parseWrappingKeys(readText(environment, name) ?? "0", masterKey, isRegular);
  if (parsed.ok) return parsed.value;
  throw new ConfigurationError(`Set ${name} ${WRAPPING_KEYS_ADVICE[parsed.reason]}.`);
}

function readDeployment(environment: UncheckedEnvironment): Bytes {
  const name = "SIMLATCH_DEPLOYMENT";
  const deployment = decodeHex(readText(environment, name) ?? "");
  if (deployment?.length !== LENGTH.deployment) {
    throw new ConfigurationError(
      `Set ${name} to 32 hex digits that name this installation and never change; ` +
        `"bun run simlatch keys" makes them.`,
    );
  }
  return deployment;
}

function readAdminKey(environment: UncheckedEnvironment): string | undefined {
  const name = "SIMLATCH_ADMIN_KEY";
  const key = readText(environment, name);
  if (key === undefined) return undefined;
  if (key.length < ADMIN_KEY_CHARACTERS_MIN || new Set(key).size < DISTINCT_BYTES_MIN) {
    throw new ConfigurationError(
      `Set ${name} to at least ${ADMIN_KEY_CHARACTERS_MIN} random characters ` +
        `("bun run simlatch keys" makes one), or leave it out to have no administration routes.`,
    );
  }
  return key;
}

function readCountry(environment: UncheckedEnvironment): string | undefined {
  const name = "SIMLATCH_COUNTRY";
  const country = readText(environment, name);
  if (country === undefined || COUNTRY_PATTERN.test(country)) return country;
  throw new ConfigurationError(`Set ${name} to two capital letters of ISO 3166-1, as in "CN".`);
}

/** challengeSeconds is set by SIMLATCH_CHALLENGE_SECONDS, and so on. */
function readLimits(environment: UncheckedEnvironment): Limits {
  const maxima = new Map(Object.entries(LIMIT_MAXIMA));
  const entries = Object.entries(DEFAULT_LIMITS).map(([limit, value]) => {
    const name = `SIMLATCH_${limit.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
    return [limit, readInteger(environment, name, value, 0, maxima.get(limit) ?? value)];
  });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- same keys as DEFAULT_LIMITS
  return Object.fromEntries(entries) as Limits;
}
