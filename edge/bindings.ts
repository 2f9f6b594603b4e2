/** Unchecked environment -> checked configuration. What is missing or weak stops the start. */
import { EMBEDDED_CENTRE } from "#protocol/admin";
import { type Bytes, decodeHex } from "#protocol/bytes";
import { LENGTH } from "#protocol/assigned-numbers";
import { GSUP_NAME_PATTERN } from "./access-authentication/authentication-centre/gsup/client.ts";
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
  /** Absent: no subscriber's keys are at an HLR. */
  readonly gsup: GsupConfiguration | undefined;
  /** Absent: the catalog's own customer data. */
  readonly directory: DirectorySettings | undefined;
  /** UDMs, by the name that `centre` of a subscriber has. */
  readonly nudmCentres: ReadonlyMap<string, NudmSettings>;
  /** Whom this platform is the authentication centre of; absent: nobody but itself. */
  readonly centreCallers: CentreCallers | undefined;
}

/** The external centre behind GSUP, and how this point of presence reaches it. */
export interface GsupConfiguration {
  /** What `centre` of its subscribers is. */
  readonly centre: string;
  /** What the HLR, or the relay, knows this point of presence by. */
  readonly name: string;
  readonly via: TcpAddress | RelayAddress;
}

export interface TcpAddress {
  readonly hostname: string;
  readonly port: number;
}

export interface RelayAddress {
  readonly url: string;
  /** 32 bytes, shared with the relay for this name. */
  readonly key: Bytes;
}

const ADMIN_KEY_CHARACTERS_MIN = 32;
/** Five bits of IND in the usual profile (TS 33.102, C.3.2). */
const SLOTS_MAX = 32;
const INTEGER_MAX = 2_147_483_647;
/** OSMO_GSUP_PORT. */
const GSUP_PORT = 4222;
const CENTRE_PATTERN = /^[a-z0-9][a-z0-9-]{0,31}$/;

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
    gsup: readGsup(environment, slot),
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

function readGsup(environment: UncheckedEnvironment, slot: number): GsupConfiguration | undefined {
  const address = readText(environment, "SIMLATCH_GSUP_ADDRESS");
  const url = readText(environment, "SIMLATCH_GSUP_RELAY");
  if (address === undefined && url === undefined) return undefined;
  if (address !== undefined && url !== undefined) {
    throw new ConfigurationError(
      "Set SIMLATCH_GSUP_ADDRESS to speak to the HLR, or SIMLATCH_GSUP_RELAY to speak to a relay " +
        "beside it, and not both.",
    );
  }
  const centre = readText(environment, "SIMLATCH_GSUP_CENTRE") ?? "hlr";
  if (!CENTRE_PATTERN.test(centre) || centre === EMBEDDED_CENTRE) {
    throw new ConfigurationError(
      "Set SIMLATCH_GSUP_CENTRE to up to 32 lower-case letters, digits and hyphens that name the " +
        `HLR, and not to "${EMBEDDED_CENTRE}".`,
    );
  }
  const name = readText(environment, "SIMLATCH_GSUP_NAME") ?? `simlatch-${slot}`;
  if (!GSUP_NAME_PATTERN.test(name)) {
    throw new ConfigurationError(
      "Set SIMLATCH_GSUP_NAME to up to 32 letters, digits and hyphens that name this point of " +
        "presence and never change.",
    );
  }
  const via = address === undefined ? readRelay(environment, url) : readGsupAddress(environment);
  return { centre, name, via };
}

function readRelay(environment: UncheckedEnvironment, text = ""): RelayAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isBare = url?.pathname === "/" && url.search === "" && url.hash === "";
  if (url === undefined || !isBare || !/^https?:$/.test(url.protocol)) {
    throw new ConfigurationError(
      "Set SIMLATCH_GSUP_RELAY to the URL of the relay, https://HOST or http://HOST:PORT.",
    );
  }
  return { url: url.href, key: readSecret(environment, "SIMLATCH_GSUP_RELAY_KEY") };
}

/** HOST or HOST:PORT; an IPv6 address stands in brackets. */
export function readGsupAddress(environment: UncheckedEnvironment): TcpAddress {
  const name = "SIMLATCH_GSUP_ADDRESS";
  const text = readText(environment, name) ?? "";
  const match = /^(?<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::(?<port>[0-9]{1,5}))?$/.exec(text);
  const port = Number(match?.groups?.["port"] ?? GSUP_PORT);
  const hostname = match?.groups?.["host"]?.replaceAll(/[[\]]/g, "");
  if (hostname === undefined || port === 0 || port > 65_535) {
    throw new ConfigurationError(
      `Set ${name} to HOST or HOST:PORT of the HLR; the port is ${GSUP_PORT} unless given.`,
    );
  }
  return { hostname, port };
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
