import { encodeBase64Url, encodeHex } from "#protocol/bytes";
import { LENGTH } from "#protocol/assigned-numbers";
import { parseArgs } from "node:util";
import { WRAPPING_KEY_ID_MAX } from "#edge/wrapping-keys";
import { type Command, EXIT, UsageError } from "./command.ts";
import { printLine } from "./output.ts";

/** Random bits of each secret: as many as the ciphers made from it use. */
const SECRET_BYTES = 32;

/** Everything that a platform cannot start without. */
export interface PlatformKeys extends Readonly<Record<string, string>> {
  readonly SIMLATCH_MASTER_KEY: string;
  readonly SIMLATCH_DEPLOYMENT: string;
  readonly SIMLATCH_ADMIN_KEY: string;
}

export function generatePlatformKeys(): PlatformKeys {
  return {
    SIMLATCH_MASTER_KEY: encodeBase64Url(generateBytes(SECRET_BYTES)),
    SIMLATCH_DEPLOYMENT: encodeHex(generateBytes(LENGTH.deployment)),
    SIMLATCH_ADMIN_KEY: encodeBase64Url(generateBytes(SECRET_BYTES)),
  };
}

function readKeyId(text: string): string {
  if (/^[1-9][0-9]{0,4}$/.test(text) && Number(text) <= WRAPPING_KEY_ID_MAX) return text;
  throw new UsageError(`--wrapping wants an id from 1 to ${WRAPPING_KEY_ID_MAX}`);
}

function generateBytes(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length));
}

export const keysCommand: Command = {
  name: "keys",
  summary: "print fresh keys for a configuration",
  help: `Usage: simlatch keys [--json]
       simlatch keys --wrapping ID

Prints SIMLATCH_MASTER_KEY, SIMLATCH_DEPLOYMENT and SIMLATCH_ADMIN_KEY with fresh random values, as
lines for a .env file or .dev.vars. Nothing is stored: keep the output safe, the master key above
all; whoever holds it can read every subscriber's K, unless SIMLATCH_WRAPPING_KEYS names other keys.

  --wrapping ID    an entry for SIMLATCH_WRAPPING_KEYS instead; ids are 1 to ${WRAPPING_KEY_ID_MAX}
  --json           the same as one JSON object`,
  async run(args) {
    const { values } = parseArgs({
      args: [...args],
      options: { json: { type: "boolean" }, wrapping: { type: "string" } },
    });
    if (values.wrapping !== undefined) {
      if (values.json === true) throw new UsageError("--wrapping prints one entry, not JSON");
      printLine(`${readKeyId(values.wrapping)}:${encodeBase64Url(generateBytes(SECRET_BYTES))}`);
      return EXIT.expected;
    }
    const keys = generatePlatformKeys();
    if (values.json === true) printLine(JSON.stringify(keys));
    else for (const [name, value] of Object.entries(keys)) printLine(`${name}=${value}`);
    return EXIT.expected;
  },
};
