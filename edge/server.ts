/** Bun entry: the platform on embedded storage, catalog.db and state.db in one folder. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { openCatalog } from "#db/bun";
import { compose, createApp, createLog, runtimeAmbient } from "./app.ts";
import { createGsupClient } from "./access-authentication/authentication-centre/gsup/client.ts";
import { checkEnvironment } from "./bindings.ts";
import { openConnectors } from "./connectors.ts";
import { ConfigurationError, type UncheckedEnvironment } from "./environment.ts";
import { createHttp2Transport } from "./peers/http2.ts";
import { openBunHost } from "./state/bun-host.ts";
import { bunPatience, bunTcp } from "./tcp-bun.ts";
import { claimWrappingKeys, describeWrappingKeyFault } from "./wrapping-key-claim.ts";

const DEFAULT_HOSTNAME = "127.0.0.1";
/** A report on a subscriber waits two seconds; nothing else takes that long. */
const LAST_ANSWERS_MS = 5000;
/**
 * Bun ends a connection on which nothing went for ten seconds, also when its answer is under way. A
 * UDM may be asked four times, ten seconds each; a dry run may find nothing to tell for long.
 */
const ANSWER_SECONDS = 60;

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
  const http2 = createHttp2Transport();
  const tools = {
    ...ambient,
    sleep: bunPatience,
    log: createLog(ambient),
    serviceTransport: http2.post,
  };
  const connectors = openConnectors(configuration, tools, (_centre, name, address) =>
    createGsupClient(tools, bunTcp(address), name),
  );
  const composition = compose(configuration, catalog, { ...ambient, connectors: connectors.all });
  const fault = await claimWrappingKeys(composition.dependencies);
  if (fault !== undefined) {
    catalog.close();
    connectors.close();
    http2.close();
    throw new ConfigurationError(describeWrappingKeyFault(fault));
  }
  const host = openBunHost(join(folder, "state.db"), composition.dependencies);
  await host.recover();
  const app = createApp(composition, host);
  const answers = new Set<Promise<Response>>();
  const server = Bun.serve({
    hostname: options.hostname ?? DEFAULT_HOSTNAME,
    port,
    async fetch(request, self) {
      self.timeout(request, ANSWER_SECONDS);
      const { address } = self.requestIP(request) ?? {};
      const answer = Promise.resolve(app.fetch(request, { address }));
      answers.add(answer);
      return answer.finally(() => answers.delete(answer));
    },
  });
  return {
    url: server.url.origin,
    async stop() {
      await server.stop(true);
      // Whoever asked is cut off, asks again later, and gets what is stored now.
      const limit = new Promise((resolve) => setTimeout(resolve, LAST_ANSWERS_MS).unref());
      await Promise.race([Promise.allSettled(answers), limit]);
      connectors.close();
      await host.close();
      http2.close();
      catalog.close();
    },
  };
}
