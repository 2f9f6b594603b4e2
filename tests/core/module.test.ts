// The built module: what every runtime relies on, and that nothing has drifted from its source.

import { describe, expect, test } from "bun:test";
import { coreModule } from "#wasm/module";
import { GENERATED_FILES } from "#wasm/tables";
import { GENERATED_VECTOR_FILES } from "#wasm/tables-vectors";

const WASM_DIRECTORY = `${import.meta.dir}/../../wasm`;
const MODULE_BYTES_MAX = 98_304;

describe("core.wasm", () => {
  test("imports nothing and owns one memory of fixed size", () => {
    expect(WebAssembly.Module.imports(coreModule)).toEqual([]);
    const { memory } = new WebAssembly.Instance(coreModule).exports;
    if (!(memory instanceof WebAssembly.Memory)) throw new Error("no memory");
    expect(() => memory.grow(1)).toThrow();
  });

  test("has the recorded SHA-256", async () => {
    const bytes = await Bun.file(`${WASM_DIRECTORY}/build/core.wasm`).bytes();
    const recorded = await Bun.file(`${WASM_DIRECTORY}/core.sha256`).text();
    const hash = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
    // After a change of the sources: bun wasm/build.ts --record
    expect(`${hash}  build/core.wasm\n`).toBe(recorded);
    expect(bytes.length).toBeLessThanOrEqual(MODULE_BYTES_MAX);
    const gzipBytes = Bun.gzipSync(bytes).length;
    process.stdout.write(`core.wasm: ${bytes.length} bytes, ${gzipBytes} gzip\n`);
  });

  test.each([...GENERATED_FILES, ...GENERATED_VECTOR_FILES])(
    "$name is what the generator makes",
    async (generated) => {
      const checkedIn = await Bun.file(`${WASM_DIRECTORY}/assembly/${generated.name}`).text();
      expect(generated.generate()).toBe(checkedIn);
    },
  );
});
