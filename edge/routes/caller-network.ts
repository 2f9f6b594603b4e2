/** Whose calls are counted together: addresses that one caller can choose among. */

/** Of a network interface, behind a link-local address. */
const ZONE = /%.*$/;
/** An IPv4 address, alone or written inside an IPv6 one (RFC 4291, 2.5.5). */
const IPV4 = /(?:^|:)(?<address>[0-9]{1,3}(?:\.[0-9]{1,3}){3})$/;
/** The same in groups alone: the /64 would be that of all of them. */
const MAPPED = "0:0:0:0:0:ffff:";
const GROUPS = 8;
/** A subscriber has at least a /64 and takes any address in it (RFC 6177, 2). */
const NETWORK_GROUPS = 4;

/** The address itself of IPv4, the /64 of IPv6; what is neither stands for itself. */
export function callerNetwork(address: string): string {
  const bare = address.replace(ZONE, "");
  const ipv4 = IPV4.exec(bare)?.groups?.["address"];
  if (ipv4 !== undefined) return ipv4;
  const groups = expand(bare);
  if (groups === undefined) return address;
  const all = groups.join(":");
  if (all.startsWith(MAPPED)) return all;
  return `${groups.slice(0, NETWORK_GROUPS).join(":")}::/64`;
}

/** The eight groups of an IPv6 address (RFC 4291, 2.2), without leading zeros. */
function expand(address: string): string[] | undefined {
  const [head = "", tail, ...rest] = address.split("::");
  const left = head.split(":").filter(Boolean);
  const right = (tail ?? "").split(":").filter(Boolean);
  const zeros = tail === undefined ? 0 : GROUPS - left.length - right.length;
  if (rest.length > 0 || zeros < 0 || left.length + zeros + right.length !== GROUPS) {
    return undefined;
  }
  const groups = [...left, ...Array.from({ length: zeros }, () => "0"), ...right];
  const isHex = groups.every((group) => /^[0-9A-Fa-f]{1,4}$/.test(group));
  return isHex ? groups.map((group) => Number.parseInt(group, 16).toString(16)) : undefined;
}
