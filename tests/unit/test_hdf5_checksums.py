"""The checksum over many structures at once is the checksum of each."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arginator.readers.hdf5_checksums import checksums_agree, lookup3

WORD = 2**32


def rotate(word: int, bits: int) -> int:
    return (word << bits | word >> 32 - bits) % WORD


def hash_one(text: bytes) -> int:
    """Follow `hashlittle` of lookup3.c step by step."""
    a = b = c = (0xDEADBEEF + len(text)) % WORD
    while True:
        words = [int.from_bytes(text[at : at + 4], "little") for at in (0, 4, 8)]
        a, b, c = (a + words[0]) % WORD, (b + words[1]) % WORD, (c + words[2]) % WORD
        text = text[12:]
        if not text:
            break
        a, c = (a - c) % WORD ^ rotate(c, 4), (c + b) % WORD
        b, a = (b - a) % WORD ^ rotate(a, 6), (a + c) % WORD
        c, b = (c - b) % WORD ^ rotate(b, 8), (b + a) % WORD
        a, c = (a - c) % WORD ^ rotate(c, 16), (c + b) % WORD
        b, a = (b - a) % WORD ^ rotate(a, 19), (a + c) % WORD
        c, b = (c - b) % WORD ^ rotate(b, 4), (b + a) % WORD
    c = ((c ^ b) - rotate(b, 14)) % WORD
    a = ((a ^ c) - rotate(c, 11)) % WORD
    b = ((b ^ a) - rotate(a, 25)) % WORD
    c = ((c ^ b) - rotate(b, 16)) % WORD
    a = ((a ^ c) - rotate(c, 4)) % WORD
    b = ((b ^ a) - rotate(a, 14)) % WORD
    return ((c ^ b) - rotate(b, 24)) % WORD


@given(
    st.integers(1, 60).flatmap(lambda b: st.lists(st.binary(min_size=b, max_size=b), min_size=1))
)
def test_each_row_has_its_own_hash(texts: list[bytes]) -> None:
    blocks = np.stack([np.frombuffer(text, np.uint8) for text in texts])
    assert lookup3(blocks).tolist() == [hash_one(text) for text in texts]


@pytest.mark.parametrize("bit", range(8))
@pytest.mark.parametrize("byte", [0, 12, 29, 30, 33])
def test_one_flipped_bit_is_noticed(byte: int, bit: int) -> None:
    text = b"Four score and seven years ago"
    block = np.frombuffer(text + (0x17770551).to_bytes(4, "little"), np.uint8)
    blocks = np.stack([block, block])
    assert checksums_agree(blocks)
    blocks[1, byte] ^= 1 << bit
    assert not checksums_agree(blocks)
