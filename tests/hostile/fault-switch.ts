/** Which planted fault is active; only a patched copy of the source asks. */

let active = "";

export function plantFault(name: string): void {
  active = name;
}

export function activeFault(): string {
  return active;
}

export function isPlanted(...names: readonly string[]): boolean {
  return names.includes(active);
}
