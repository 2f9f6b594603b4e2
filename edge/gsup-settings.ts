/**
 * SIMLATCH_GSUP_*: the HLRs that subscribers may name as their centre, and the platforms that are
 * asked as a relay in front of an HLR is.
 */
import { GSUP_NAME_PATTERN } from "./access-authentication/authentication-centre/gsup/client.ts";
import { centrePrefix, readCentreNames } from "./centre-names.ts";
import {
  ConfigurationError,
  readSecret,
  readText,
  type UncheckedEnvironment,
} from "./environment.ts";
import type { Bytes } from "#protocol/bytes";

/** How this point of presence reaches the centre, and what it is known by there. */
export interface GsupSettings {
  readonly peerName: string;
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

/** OSMO_GSUP_PORT. */
const GSUP_PORT = 4222;

/** By the centre's name; `slot` makes the peer name unless there is another. */
export function readGsupCentres(
  environment: UncheckedEnvironment,
  slot: number,
): ReadonlyMap<string, GsupSettings> {
  const names = readCentreNames(environment, "SIMLATCH_GSUP_CENTRES");
  return new Map(names.map((name) => [name, readCentre(environment, name, slot)]));
}

function readCentre(environment: UncheckedEnvironment, centre: string, slot: number): GsupSettings {
  const prefix = centrePrefix("GSUP", centre);
  const hasAddress = readText(environment, `${prefix}ADDRESS`) !== undefined;
  const hasRelay = readText(environment, `${prefix}RELAY`) !== undefined;
  if (hasAddress === hasRelay) {
    throw new ConfigurationError(
      `Set ${prefix}ADDRESS to speak to the HLR, or ${prefix}RELAY to speak to a relay beside it ` +
        "or to another platform, and not both.",
    );
  }
  const peerName = readText(environment, `${prefix}PEER_NAME`) ?? `simlatch-${slot}`;
  if (!GSUP_NAME_PATTERN.test(peerName)) {
    throw new ConfigurationError(
      `Set ${prefix}PEER_NAME to up to 32 letters, digits and hyphens that name this point of ` +
        "presence and never change.",
    );
  }
  const via = hasAddress
    ? readGsupAddress(environment, `${prefix}ADDRESS`)
    : readRelay(environment, prefix);
  return { peerName, via };
}

function readRelay(environment: UncheckedEnvironment, prefix: string): RelayAddress {
  const text = readText(environment, `${prefix}RELAY`) ?? "";
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isBare = url?.pathname === "/" && url.search === "" && url.hash === "";
  if (url === undefined || !isBare || !/^https?:$/.test(url.protocol)) {
    throw new ConfigurationError(
      `Set ${prefix}RELAY to the URL of the relay, https://HOST or http://HOST:PORT.`,
    );
  }
  return { url: url.href, key: readSecret(environment, `${prefix}RELAY_KEY`) };
}

/** HOST or HOST:PORT; an IPv6 address stands in brackets. */
export function readGsupAddress(environment: UncheckedEnvironment, name: string): TcpAddress {
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
