/** From the configuration to the external authentication centres of this point of presence. */
import { algorithms } from "./algorithms.ts";
import type { Configuration } from "./bindings.ts";
import type { CentreConnector, CentreConnectors, Dependencies } from "./dependencies.ts";
import { ConfigurationError } from "./environment.ts";
import type { TcpAddress } from "./gsup-settings.ts";
import { createNudmClient } from "./nudm/client.ts";
import { createNudmConnector } from "./nudm/connector.ts";
import type { PeerTransport } from "./peers/transport.ts";
import { createRelayConnector } from "./relay/client.ts";

interface OpenConnectors {
  readonly all: CentreConnectors;
  close(): void;
}

type ClosableConnector = CentreConnector & { close?(): void };

type Tools = Pick<Dependencies, "clock" | "sleep" | "random" | "log"> & {
  /** Carries service-based interfaces. */
  readonly serviceTransport: PeerTransport;
};

/** `openGsup` is how the runtime reaches the HLR of a centre over TCP under a name. */
export function openConnectors(
  { gsupCentres, nudmCentres }: Configuration,
  tools: Tools,
  openGsup: (centre: string, peerName: string, address: TcpAddress) => ClosableConnector,
): OpenConnectors {
  const both = [...gsupCentres.keys()].find((name) => nudmCentres.has(name));
  if (both !== undefined) {
    throw new ConfigurationError(
      "Set SIMLATCH_GSUP_CENTRES and SIMLATCH_NUDM_CENTRES to different names.",
    );
  }
  const hlrs = new Map<string, ClosableConnector>();
  for (const [centre, { peerName, via }] of gsupCentres) {
    const isRelay = "url" in via;
    const connector = isRelay
      ? createRelayConnector(tools, { ...via, caller: peerName })
      : openGsup(centre, peerName, via);
    hlrs.set(centre, connector);
  }
  return {
    all: new Map([...openUdms(nudmCentres, tools), ...hlrs]),
    close() {
      for (const connector of hlrs.values()) connector.close?.();
    },
  };
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
