/** From the configuration to the external authentication centres of this point of presence. */
import type { Configuration, TcpAddress } from "./bindings.ts";
import type { CentreConnector, CentreConnectors, Dependencies } from "./dependencies.ts";
import { createRelayConnector } from "./relay/client.ts";

interface OpenConnectors {
  readonly all: CentreConnectors;
  close(): void;
}

type Tools = Pick<Dependencies, "clock" | "sleep" | "random" | "log">;

/** `openGsup` is how the runtime reaches an HLR over TCP under a name. */
export function openConnectors(
  { gsup }: Configuration,
  tools: Tools,
  openGsup: (name: string, address: TcpAddress) => CentreConnector & { close?(): void },
): OpenConnectors {
  const all = new Map<string, CentreConnector>();
  if (gsup === undefined) return { all, close: () => undefined };
  const { centre, name, via } = gsup;
  if ("url" in via) {
    all.set(centre, createRelayConnector(tools, { ...via, caller: name }));
    return { all, close: () => undefined };
  }
  const connector = openGsup(name, via);
  all.set(centre, connector);
  return { all, close: () => connector.close?.() };
}
