// The core on Bun, where importing a .wasm file gives its path, also inside a compiled executable.

/** The path of the built module; the import fails if there is none. */
async function locate(): Promise<string> {
  try {
    // Typed as on workerd, where the import gives a module.
    const { default: path }: { default: unknown } = await import("./build/core.wasm");
    return String(path);
  } catch (cause) {
    throw new Error('the WASM core is not built: run "bun install" (or "bun run build:wasm")', {
      cause,
    });
  }
}

export const coreModule: WebAssembly.Module = await WebAssembly.compile(
  await Bun.file(await locate()).arrayBuffer(),
);

/** Whether node:crypto takes { key: KeyObject, .. } for a signature, as Node.js does. */
export const takesKeyObjectInOptions = true;
