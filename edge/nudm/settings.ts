/** SIMLATCH_NUDM_*: the UDMs that subscribers may name as their centre. */
import {
  ConfigurationError,
  readInteger,
  readText,
  readUrl,
  type UncheckedEnvironment,
} from "../environment.ts";
import { centrePrefix, readCentreNames } from "../centre-names.ts";
import type { TokenSettings } from "./access-token.ts";
import type { NudmMethod, NudmSettings } from "./client.ts";

const METHODS: readonly NudmMethod[] = ["EAP_AKA_PRIME", "5G_AKA", "EAP_AKA", "UMTS_AKA"];
/** TS 24.501, 9.12.1; a NID of 44 bits after a stand-alone network's name. */
const NETWORK_PATTERN = /^5G:mnc[0-9]{3}\.mcc[0-9]{3}\.3gppnetwork\.org(:[0-9A-F]{11})?$/;
const UUID_PATTERN = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const SECRET_PATTERN = /^[\x20-\x7e]{16,512}$/;
const CLIENT_PATTERN = /^[\x21-\x7e]{1,255}$/;
const TIMEOUT_MS_MAX = 10_000;

/** By name; empty when there are none. */
export function readNudmCentres(
  environment: UncheckedEnvironment,
): ReadonlyMap<string, NudmSettings> {
  const names = readCentreNames(environment, "SIMLATCH_NUDM_CENTRES");
  return new Map(names.map((name) => [name, readCentre(environment, name)]));
}

function readCentre(environment: UncheckedEnvironment, centre: string): NudmSettings {
  const prefix = centrePrefix("NUDM", centre);
  const method = readText(environment, `${prefix}METHOD`) ?? "EAP_AKA_PRIME";
  const known = METHODS.find((name) => name === method);
  if (known === undefined) {
    throw new ConfigurationError(`Set ${prefix}METHOD to one of ${METHODS.join(", ")}.`);
  }
  return {
    root: readUrl(environment, `${prefix}URL`) ?? refuse(`${prefix}URL`, "the UDM's apiRoot"),
    method: known,
    servingNetworkName: readMatching(
      environment,
      `${prefix}SERVING_NETWORK`,
      NETWORK_PATTERN,
      'a name like "5G:mnc001.mcc001.3gppnetwork.org"',
    ),
    instanceId: readMatching(
      environment,
      `${prefix}INSTANCE_ID`,
      UUID_PATTERN,
      "the UUID under which the NRF knows this platform, in lower case",
    ),
    timeoutMs: readInteger(environment, `${prefix}TIMEOUT_MS`, 2000, 50, TIMEOUT_MS_MAX),
    token: readToken(environment, prefix),
  };
}

/** Without a client the NRF knows us by the instance id, and by TLS where it asks for it. */
function readToken(environment: UncheckedEnvironment, prefix: string): TokenSettings | undefined {
  const url = readUrl(environment, `${prefix}TOKEN_URL`);
  const idName = `${prefix}CLIENT_ID`;
  const secretName = `${prefix}CLIENT_SECRET`;
  const hasClient =
    readText(environment, idName) !== undefined || readText(environment, secretName) !== undefined;
  if (url === undefined) {
    return hasClient ? refuse(`${prefix}TOKEN_URL`, "where the client gets its token") : undefined;
  }
  if (!hasClient) return { url };
  const id = readMatching(environment, idName, CLIENT_PATTERN, "the client's name");
  const secret = readMatching(
    environment,
    secretName,
    SECRET_PATTERN,
    "the client's secret, at least 16 characters of ASCII",
  );
  return { url, client: { id, secret } };
}

function readMatching(
  environment: UncheckedEnvironment,
  name: string,
  pattern: RegExp,
  what: string,
): string {
  const text = readText(environment, name) ?? "";
  return pattern.test(text) ? text : refuse(name, what);
}

function refuse(name: string, what: string): never {
  throw new ConfigurationError(`Set ${name} to ${what}.`);
}
