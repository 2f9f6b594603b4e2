/** wrangler and the Bun bundler hand a Worker its WASM as an already compiled module. */
declare module "*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}
