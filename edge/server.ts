/** Bun entry: the platform on embedded storage, catalog.db and state.db in one folder. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { openCatalog } from "#db/bun";
import { compose, createApp, createLog, runtimeAmbient } from "./app.ts";
import { createGsupClient } from "./access-authentication/authentication-centre/gsup/client.ts";
import { checkEnvironment, type UncheckedEnvironment } from "./bindings.ts";
import { openConnectors } from "./connectors.ts";
import { openBunHost } from "./state/bun-host.ts";
import { bunPatience, bunTcp } from "./tcp-bun.ts";

const DEFAULT_HOSTNAME = "127.0.0.1";

export interface ServerOptions {
  /** SIMLATCH_* of docs/operations.md. */
  readonly environment: UncheckedEnvironment;
  readonly hostname?: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Where the two database files are; made when absent. */
  readonly folder: string;
  /** Takes one line of JSON of the log; standard error by default. */
  readonly writeLine?: (line: string) => void;
}

export interface RunningServer {
  readonly url: string;
  stop(): Promise<void>;
}

/** Throws ConfigurationError with a sentence for the operator. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const configuration = checkEnvironment(options.environment);
  const { folder, port } = options;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const catalog = await openCatalog(join(folder, "catalog.db"));
  const writeLine = options.writeLine ?? ((line) => process.stderr.write(`${line}\n`));
  const ambient = runtimeAmbient(writeLine);
  const tools = { ...ambient, sleep: bunPatience, log: createLog(ambient) };
  const connectors = openConnectors(configuration, tools, (name, address) =>
    createGsupClient(tools, bunTcp(address), name),
  );
  const composition = compose(configuration, catalog, { ...ambient, connectors: connectors.all });
  const host = openBunHost(join(folder, "state.db"), composition.dependencies);
  await host.recover();
  const app = createApp(composition, host);
  const server = Bun.serve({
    hostname: options.hostname ?? DEFAULT_HOSTNAME,
    port,
    fetch: (request, self) => app.fetch(request, { address: self.requestIP(request)?.address }),
  });
  return {
    url: server.url.origin,
    async stop() {
      await server.stop(true);
      connectors.close();
      await host.close();
      catalog.close();
    },
  };
}
