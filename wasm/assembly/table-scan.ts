// Table lookup without an address that depends on the index: every entry is read, and the byte
// permutation keeps the one asked for. swizzle gives 0 for an index of 16 or more, as the plain
// (not the relaxed) instruction is defined to.

/** Entries of the table of `entries` bytes (a multiple of 32, up to 256) at sixteen indices. */
export function scan(table: usize, entries: usize, indices: v128): v128 {
  let even = i32x4.splat(0);
  let odd = i32x4.splat(0);
  let rest = indices;
  const end = table + entries;
  for (let place = table; place < end; place += 32) {
    even = v128.or(even, i8x16.swizzle(v128.load(place), rest));
    odd = v128.or(odd, i8x16.swizzle(v128.load(place, 16), i8x16.sub(rest, i8x16.splat(16))));
    rest = i8x16.sub(rest, i8x16.splat(32));
  }
  return v128.or(even, odd);
}
