import { parseArgs } from "node:util";
import { decodeBase64Url } from "#protocol/bytes";
import { DEFAULT_TENANT } from "#protocol/identifiers";
import { createCardApplet } from "#terminal/card";
import type { Concealment } from "#terminal/conceal";
import { createPcscTransport } from "#terminal/pcsc";
import {
  BINDING_HELP,
  BINDING_OPTIONS,
  type BindingRun,
  readBindingRun,
  readTenant,
  reportFailure,
  runBinding,
  TENANT_OPTION,
} from "./binding-run.ts";
import { type Command, EXIT, UsageError } from "./command.ts";
import { printLine } from "./output.ts";
import { listReaders } from "./pcsc-readers.ts";

export const terminalCommand: Command = {
  name: "terminal",
  summary: "bind a real card to a real SIM through PC/SC readers",
  help: `Usage: simlatch terminal readers [--json]
       simlatch terminal bind --card-reader NAME --module-reader NAME [options]

readers lists the PC/SC readers of this machine. bind takes the card in one reader and the identity
module in another through a whole binding with a platform, and prints each step as the patent
numbers it. It holds both readers for itself meanwhile. What went wrong half way changed nothing
that a repetition would not put right: call it again.

  --card-reader N        the reader that the card is in, as \`readers\` names it
${BINDING_HELP}
  --tenant T             the card's tenant (default "${DEFAULT_TENANT}")
  --concealment-key I:K  encrypted mode: the platform's concealment key, id and point in base64url
  --json                 the outcome and the steps as one JSON object

Exit codes: 0 SUCCESS, 1 another outcome, or card, module or platform failed, 2 usage, 4 no PC/SC
service or no such reader.`,
  async run(args) {
    const [verb, ...rest] = args;
    if (verb === "readers") return printReaders(rest);
    if (verb === "bind") return bindOnce(readRequest(rest));
    throw new UsageError("say readers or bind");
  },
};

interface Request extends BindingRun {
  readonly cardReader: string;
  readonly tenant: string;
  readonly concealment: Concealment | undefined;
}

function printReaders(args: readonly string[]): number {
  const options = { json: { type: "boolean", default: false } } as const;
  const { values } = parseArgs({ args: [...args], options });
  try {
    const readers = listReaders();
    if (values.json) printLine(JSON.stringify(readers));
    else
      for (const { name, hasCard } of readers) printLine(`${hasCard ? "card " : "empty"}  ${name}`);
    return EXIT.expected;
  } catch (error) {
    return reportFailure("terminal", error, values.json);
  }
}

function readRequest(args: readonly string[]): Request {
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...BINDING_OPTIONS,
      "card-reader": { type: "string" },
      tenant: TENANT_OPTION,
      "concealment-key": { type: "string" },
    },
  });
  const cardReader = values["card-reader"];
  if (cardReader === undefined || cardReader === values["module-reader"])
    throw new UsageError("name two readers: --card-reader and --module-reader");
  return {
    ...readBindingRun(values),
    cardReader,
    tenant: readTenant(values.tenant),
    concealment: readConcealment(values["concealment-key"]),
  };
}

function readConcealment(text: string | undefined): Concealment | undefined {
  if (text === undefined) return undefined;
  const [id = "", key = ""] = text.split(":");
  const keyId = Number(id);
  const publicKey = decodeBase64Url(key);
  if (!(keyId >= 1 && keyId <= 255) || publicKey?.length !== 65)
    throw new UsageError("--concealment-key wants ID:KEY, the key in base64url");
  return { keyId, publicKey };
}

function bindOnce(request: Request): Promise<number> {
  const { cardReader: reader, timeoutMs, tenant, concealment } = request;
  return runBinding("terminal", request, async (onEnd) => {
    const slot = await createPcscTransport({ reader, timeoutMs });
    onEnd(() => slot.close());
    const card = createCardApplet(slot);
    await card.select();
    return {
      card,
      tenant,
      ...(concealment === undefined ? { modes: ["signed" as const] } : { concealment }),
    };
  });
}
