"""BER-TLV as docs/protocol.md, section 2: one-byte tags, definite lengths in the fewest bytes."""


class Malformed(Exception):
    """A data field is not what section 2 or 7 writes."""


def tlv(tag, value):
    """One element."""
    size = len(value)
    if size < 0x80:
        head = bytes([tag, size])
    elif size < 0x100:
        head = bytes([tag, 0x81, size])
    else:
        head = bytes([tag, 0x82]) + size.to_bytes(2, "big")
    return head + value


def label(text):
    """Element 80, which starts every hashed, signed or MACed input (section 3.1)."""
    return tlv(0x80, text.encode("ascii"))


def number(tag, value, size=4):
    """An element that holds an integer; all are big-endian."""
    return tlv(tag, value.to_bytes(size, "big"))


def _length(data, at):
    """The length at this place and where the value starts; only the shortest form is one."""
    first = data[at]
    if first < 0x80:
        return first, at + 1
    if first == 0x81 and data[at + 1] >= 0x80:
        return data[at + 1], at + 2
    if first == 0x82:
        size = int.from_bytes(data[at + 1 : at + 3], "big")
        if size >= 0x100:
            return size, at + 3
    raise Malformed("length")


def elements(data):
    """Every element of these bytes, as pairs of tag and value."""
    found = []
    at = 0
    while at < len(data):
        try:
            tag = data[at]
            size, start = _length(data, at + 1)
        except IndexError:
            raise Malformed("cut short") from None
        if start + size > len(data):
            raise Malformed("cut short")
        found.append((tag, data[start : start + size]))
        at = start + size
    return found


def parse(data, *tags):
    """The values of exactly these elements in exactly this order (section 2)."""
    found = elements(data)
    if [tag for tag, _ in found] != list(tags):
        raise Malformed("elements " + " ".join(f"{tag:02X}" for tag, _ in found))
    return [value for _, value in found]


def sized(value, size):
    """The value, if it has the length that the table of section 2 gives it."""
    if len(value) != size:
        raise Malformed("length of a value")
    return value
