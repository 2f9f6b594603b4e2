/** From the configuration to the external authentication centres of this point of presence. */
import { algorithms } from "./algorithms.ts";
import type { Configuration, TcpAddress } from "./bindings.ts";
import type { CentreConnector, CentreConnectors, Dependencies } from "./dependencies.ts";
import { ConfigurationError } from "./environment.ts";
import { createNudmClient } from "./nudm/client.ts";
import { createNudmConnector } from "./nudm/connector.ts";
import type { PeerTransport } from "./peers/transport.ts";
import { createRelayConnector } from "./relay/client.ts";

interface OpenConnectors {
  readonly all: CentreConnectors;
  close(): void;
}

type Tools = Pick<Dependencies, "clock" | "sleep" | "random" | "log"> & {
  /** Carries service-based interfaces. */
  readonly serviceTransport: PeerTransport;
};

/** `openGsup` is how the runtime reaches an HLR over TCP under a name. */
export function openConnectors(
  { gsup, nudmCentres }: Configuration,
  tools: Tools,
  openGsup: (name: string, address: TcpAddress) => CentreConnector & { close?(): void },
): OpenConnectors {
  const all = new Map(openUdms(nudmCentres, tools));
  if (gsup === undefined) return { all, close: () => undefined };
  const { centre, name, via } = gsup;
  if (all.has(centre)) {
    throw new ConfigurationError(`Set SIMLATCH_GSUP_CENTRE to a name that no UDM has.`);
  }
  if ("url" in via) {
    all.set(centre, createRelayConnector(tools, { ...via, caller: name }));
    return { all, close: () => undefined };
  }
  const connector = openGsup(name, via);
  all.set(centre, connector);
  return { all, close: () => connector.close?.() };
}

function openUdms(
  centres: Configuration["nudmCentres"],
  { clock, log, serviceTransport: transport }: Tools,
): [string, CentreConnector][] {
  const { convert3gTo2g } = algorithms;
  return [...centres].map(([name, settings]) => {
    const client = createNudmClient({ transport, clock }, settings);
    return [name, createNudmConnector({ log, convert3gTo2g }, name, client)];
  });
}
