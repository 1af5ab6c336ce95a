"""The checksum of HDF5's newer structures, for many of them at once."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8, UInt32

CHECKSUM_BYTES = 4
WORDS_A_ROUND = 3
START = 0xDEADBEEF
MIXING = (4, 6, 8, 16, 19, 4)
FINISHING = (14, 11, 25, 16, 4, 14, 24)

Words = UInt32[np.ndarray, " n"]


def checksums_agree(blocks: UInt8[np.ndarray, "n l"]) -> bool:
    """Tell whether each of n structures of l bytes ends with the checksum of what precedes it."""
    stored = np.ascontiguousarray(blocks[:, -CHECKSUM_BYTES:]).view("<u4")[:, 0]
    return bool(np.array_equal(stored, lookup3(blocks[:, :-CHECKSUM_BYTES])))


def lookup3(blocks: UInt8[np.ndarray, "n l"]) -> Words:
    """Return Bob Jenkins' 32-bit hash `lookup3` of each of n runs of l bytes, l above 0.

    >>> text = np.frombuffer(b"Four score and seven years ago", np.uint8)
    >>> hex(lookup3(text[None])[0])
    '0x17770551'

    References:
        http://burtleburtle.net/bob/c/lookup3.c; named in HDF5 File Format Specification Version
        3.0, section III.
    """
    count, length = blocks.shape
    columns = _words(blocks)
    state = [np.full(count, (START + length) % 2**32, np.uint32) for _ in range(WORDS_A_ROUND)]
    for start in range(0, len(columns), WORDS_A_ROUND):
        if start:
            _mix(*state)
        for total, word in zip(state, columns[start : start + WORDS_A_ROUND], strict=True):
            total += word
    _finish(*state)
    return state[2]


def _words(blocks: UInt8[np.ndarray, "n l"]) -> UInt32[np.ndarray, "w n"]:
    """Return the blocks' words of four bytes one after the other, zeros at the end."""
    count, length = blocks.shape
    round_bytes = WORDS_A_ROUND * 4
    padded = np.zeros((count, -(-length // round_bytes) * round_bytes), np.uint8)
    padded[:, :length] = blocks
    return np.ascontiguousarray(padded.view("<u4").T)


def _rotated(words: Words, bits: int) -> Words:
    return (words << np.uint32(bits)) | (words >> np.uint32(32 - bits))


def _mix(a: Words, b: Words, c: Words) -> None:
    """Mix three words in place, reversibly, between two rounds."""
    for index, bits in enumerate(MIXING):
        first, second, third = [(a, b, c), (b, c, a), (c, a, b)][index % 3]
        first -= third
        first ^= _rotated(third, bits)
        third += second


def _finish(a: Words, b: Words, c: Words) -> None:
    """Mix three words in place for good; the last holds the hash."""
    for index, bits in enumerate(FINISHING):
        first, second = [(c, b), (a, c), (b, a)][index % 3]
        first ^= second
        first -= _rotated(second, bits)
