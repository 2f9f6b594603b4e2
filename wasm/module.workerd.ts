// The core on workerd, where importing a .wasm file gives the compiled module.

import module from "./build/core.wasm";

export const coreModule: WebAssembly.Module = module;

/** Whether node:crypto takes { key: KeyObject, .. } for a signature; here it throws. */
export const takesKeyObjectInOptions = false;
