// Loads the facade afresh and catches its WebAssembly instance, so that a test can read the core's
// memory. The product itself has no way to reach that memory.

import { resolve } from "node:path";

type Facade = typeof import("#wasm");
type Tuak = typeof import("#wasm/tuak");
type Gsm = typeof import("#wasm/gsm");
type Cdma = typeof import("#wasm/cdma");
type Derivations = typeof import("#wasm/derivations");
type Milenage = typeof import("#wasm/milenage");
type Milenage256 = typeof import("#wasm/milenage256");

export interface ProbedCore {
  facade: Facade;
  tuak: Tuak;
  gsm: Gsm;
  cdma: Cdma;
  derivations: Derivations;
  milenage: Milenage;
  milenage256: Milenage256;
  /** The whole linear memory, live. */
  memory: Uint8Array;
  exports: WebAssembly.Instance["exports"];
}

const WASM_DIRECTORY = resolve(import.meta.dir, "../../wasm");

/** Forgets the files of the facade, which share one instance: the next import makes another. */
function forgetFacade(): void {
  for (const file of new Bun.Glob("*.ts").scanSync({ cwd: WASM_DIRECTORY, absolute: true })) {
    delete require.cache[file];
  }
}

export async function loadProbedCore(): Promise<ProbedCore> {
  const instances: WebAssembly.Instance[] = [];
  const original = WebAssembly.Instance;
  WebAssembly.Instance = new Proxy(original, {
    construct(target, arguments_: ConstructorParameters<typeof WebAssembly.Instance>) {
      const instance = new target(...arguments_);
      instances.push(instance);
      return instance;
    },
  });
  try {
    forgetFacade();
    const facade: Facade = await import(`${WASM_DIRECTORY}/index.ts`);
    const tuak: Tuak = await import(`${WASM_DIRECTORY}/tuak.ts`);
    const gsm: Gsm = await import(`${WASM_DIRECTORY}/gsm.ts`);
    const cdma: Cdma = await import(`${WASM_DIRECTORY}/cdma.ts`);
    const derivations: Derivations = await import(`${WASM_DIRECTORY}/derivations.ts`);
    const milenage: Milenage = await import(`${WASM_DIRECTORY}/milenage.ts`);
    const milenage256: Milenage256 = await import(`${WASM_DIRECTORY}/milenage256.ts`);
    const [instance] = instances;
    if (instance === undefined || instances.length !== 1) throw new Error("no instance was made");
    const { memory } = instance.exports;
    if (!(memory instanceof WebAssembly.Memory)) throw new Error("the core exports no memory");
    const parts = { facade, tuak, gsm, cdma, derivations, milenage, milenage256 };
    return { ...parts, memory: new Uint8Array(memory.buffer), exports: instance.exports };
  } finally {
    WebAssembly.Instance = original;
    forgetFacade();
  }
}
