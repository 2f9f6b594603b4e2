// Compiles wasm/assembly to wasm/build/core.wasm and checks the result.
//
//   bun wasm/build.ts             build, print sizes
//   bun wasm/build.ts --record    the same, and rewrite wasm/core.sha256
//
// The module takes no imports and owns one memory of fixed size, so that it behaves alike in every
// runtime and a view of its memory never detaches.

import { mkdir, rename } from "node:fs/promises";

const ROOT = `${import.meta.dir}/..`;
const BUILD_DIRECTORY = `${import.meta.dir}/build`;
const MODULE_FILE = `${BUILD_DIRECTORY}/core.wasm`;
const HASH_FILE = `${import.meta.dir}/core.sha256`;

/**
 * Linear memory, fixed: the arena takes 75 KiB, most of it for batches of 1,024 vectors; the tables of
 * two curves and their prepared keys take less than six pages.
 */
const MEMORY_PAGES = 8;

/** "Exchange of v128 values": v128 crosses no export, only files of the core. */
const V128_WARNING = "112";

class BuildError extends Error {}

/**
 * Runs the AssemblyScript compiler on assembly/index.ts of a directory; its messages go into the error
 * if it fails.
 */
export async function compile(outputFile: string, directory = import.meta.dir): Promise<void> {
  const arguments_ = ["assembly/index.ts", "--outFile", outputFile, "--noColors"];
  arguments_.push(
    "-O3",
    "--converge",
    "--noAssert",
    "--runtime",
    "stub",
    "--enable",
    "simd,relaxed-simd",
  );
  arguments_.push("--initialMemory", `${MEMORY_PAGES}`, "--maximumMemory", `${MEMORY_PAGES}`);
  arguments_.push("--disableWarning", V128_WARNING);
  const compiler = `${ROOT}/node_modules/assemblyscript/bin/asc.js`;
  if (!(await Bun.file(compiler).exists())) {
    throw new BuildError('assemblyscript is not installed: run "bun install"');
  }
  const child = Bun.spawn([process.execPath, compiler, ...arguments_], {
    cwd: directory,
    stdout: "pipe",
    stderr: "pipe",
  });
  const [output, errors, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (exitCode !== 0) throw new BuildError(`asc ended with ${exitCode}\n${output}${errors}`);
}

/** What the runtimes rely on: it compiles, imports nothing, and runs nothing when instantiated. */
function checkModule(bytes: Uint8Array<ArrayBuffer>): void {
  const module = new WebAssembly.Module(bytes);
  const imports = WebAssembly.Module.imports(module);
  if (imports.length > 0) {
    const names = imports.map((entry) => `${entry.module}.${entry.name}`);
    throw new BuildError(`the module has imports: ${names.join(", ")}`);
  }
}

async function build(): Promise<void> {
  await mkdir(BUILD_DIRECTORY, { recursive: true });
  // A process of its own name and a rename: two builds at once do not see half a file.
  const draft = `${BUILD_DIRECTORY}/core.${process.pid}.wasm`;
  await compile(draft);
  const bytes = new Uint8Array(await Bun.file(draft).arrayBuffer());
  checkModule(bytes);
  await rename(draft, MODULE_FILE);
  const hash = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
  if (process.argv.includes("--record")) await Bun.write(HASH_FILE, `${hash}  build/core.wasm\n`);
  const gzipBytes = Bun.gzipSync(bytes).length;
  process.stdout.write(
    `wasm/build/core.wasm: ${bytes.length} bytes, ${gzipBytes} gzip, sha256 ${hash}\n`,
  );
}

if (import.meta.main) {
  try {
    await build();
  } catch (error) {
    const reason = error instanceof BuildError ? error.message : String(error);
    process.stderr.write(`wasm build failed: ${reason}\n`);
    process.exit(1);
  }
}
