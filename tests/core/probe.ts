// Loads the facade afresh and catches its WebAssembly instance, so that a test can read the core's
// memory. The product itself has no way to reach that memory.

type Facade = typeof import("#wasm");

export interface ProbedCore {
  facade: Facade;
  /** The whole linear memory, live. */
  memory: Uint8Array;
  exports: WebAssembly.Instance["exports"];
}

let loads = 0;

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
    loads += 1;
    const facade: Facade = await import(`${import.meta.dir}/../../wasm/index.ts?probe=${loads}`);
    const [instance] = instances;
    if (instance === undefined || instances.length !== 1) throw new Error("no instance was made");
    const { memory } = instance.exports;
    if (!(memory instanceof WebAssembly.Memory)) throw new Error("the core exports no memory");
    return { facade, memory: new Uint8Array(memory.buffer), exports: instance.exports };
  } finally {
    WebAssembly.Instance = original;
  }
}
