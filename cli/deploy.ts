import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Command, EXIT } from "./command.ts";
import { printNote } from "./output.ts";

const ROOT = join(import.meta.dir, "..");
const WRANGLER = join(ROOT, "node_modules", "wrangler", "bin", "wrangler.js");

export const deployCommand: Command = {
  name: "deploy",
  summary: "deploy the Worker with wrangler",
  help: `Usage: simlatch deploy [--dry-run] [wrangler options]

Runs \`wrangler deploy\` under Bun with every argument passed on; the Worker, its database and its
objects are in wrangler.toml. Set the keys once before (\`simlatch keys\`, \`wrangler secret put\`).

  --dry-run    bundle and check, upload nothing`,
  async run(args) {
    if (!existsSync(WRANGLER)) {
      printNote("simlatch deploy: wrangler is not installed; run `bun install` first");
      return EXIT.dependencyAbsent;
    }
    const own = args[0] === "--" ? args.slice(1) : args;
    const wrangler = Bun.spawn([process.execPath, "--bun", WRANGLER, "deploy", ...own], {
      cwd: ROOT,
      stdin: "inherit",
      stdout: "inherit",
      stderr: "inherit",
    });
    return (await wrangler.exited) === 0 ? EXIT.expected : EXIT.unexpected;
  },
};
