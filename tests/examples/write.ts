/** Writes docs/protocol-examples.md and tests/vectors/protocol_examples.json anew. */
import { generateExamples } from "./generate.ts";
import { EXAMPLE_FILES } from "./render.ts";

const examples = await generateExamples();
for (const { path, render } of EXAMPLE_FILES) await Bun.write(path, render(examples));
