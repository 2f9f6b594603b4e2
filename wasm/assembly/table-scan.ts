// Table lookup without an address that depends on the index: every entry is read, and the byte
// permutation keeps the one asked for. swizzle gives 0 for an index of 16 or more, as the plain
// (not the relaxed) instruction is defined to.

/** Entries of the table of `entries` bytes (a multiple of 16, up to 256) at sixteen indices. */
export function scan(table: usize, entries: usize, indices: v128): v128 {
  let found = i32x4.splat(0);
  let rest = indices;
  for (let start: usize = 0; start < entries; start += 16) {
    found = v128.or(found, i8x16.swizzle(v128.load(table + start), rest));
    rest = i8x16.sub(rest, i8x16.splat(16));
  }
  return found;
}
