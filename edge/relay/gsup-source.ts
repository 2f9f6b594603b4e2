/**
 * Vectors of an HLR, beside which the relay holds the GSUP connections of points of presence that
 * cannot hold their own: one for each name.
 */
import {
  createGsupClient,
  type GsupClient,
} from "../access-authentication/authentication-centre/gsup/client.ts";
import type { OpenStream } from "../access-authentication/authentication-centre/gsup/stream.ts";
import type { Dependencies } from "../dependencies.ts";
import type { VectorSource } from "./relay.ts";

export interface GsupSource extends VectorSource {
  close(): void;
}

type Tools = Pick<Dependencies, "clock" | "sleep" | "log">;

export function createGsupSource(tools: Tools, open: OpenStream): GsupSource {
  const clients = new Map<string, GsupClient>();

  function clientOf(caller: string): GsupClient {
    const client = clients.get(caller) ?? createGsupClient(tools, open, caller);
    clients.set(caller, client);
    return client;
  }

  return {
    ask: (caller, query) => clientOf(caller).fetchVectors(query),
    close() {
      for (const client of clients.values()) client.close();
    },
  };
}
