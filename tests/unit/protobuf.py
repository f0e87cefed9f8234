"""Writes protocol buffers by hand, as readers of models meet them."""


def field(number: int, value: int | bytes) -> bytes:
    """A field of a protocol buffer."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(number: int) -> bytes:
    """A number, 7 bits a byte."""
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def value_info(name: str, elem_type: int = 1, *dims: bytes) -> bytes:
    """A ValueInfoProto of a tensor."""
    shape = b"".join(field(1, dim) for dim in dims)
    return field(1, name.encode()) + field(2, field(1, field(1, elem_type) + field(2, shape)))
