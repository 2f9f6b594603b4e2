/** docs/protocol-examples.md and its JSON say what platform and card say today, byte for byte. */
import { expect, test } from "bun:test";
import { basename } from "node:path";
import { generateExamples } from "./generate.ts";
import { EXAMPLE_FILES } from "./render.ts";

const examples = await generateExamples();

for (const { path, render } of EXAMPLE_FILES) {
  test(`${basename(path)} is what the examples give`, async () => {
    expect(await Bun.file(path).text()).toBe(render(examples));
  });
}
