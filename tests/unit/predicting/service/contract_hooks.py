"""What Schemathesis cannot know: proteins as FASTA, and vectors of length 1."""

import schemathesis
from hypothesis import strategies as st

RESIDUES = st.text("ACDEFGHIKLMNPQRSTVWY", min_size=12, max_size=60)


def _write(rows):
    return "".join(f">p{row}\n{residues}\n" for row, residues in enumerate(rows)).encode()


FASTA = st.lists(RESIDUES, min_size=1, max_size=5).map(_write)
for kind in ("text/x-fasta", "application/octet-stream"):
    schemathesis.openapi.media_type(kind, FASTA)


@schemathesis.serializer("text/x-fasta", "application/octet-stream")
def send_as_it_is(_context, value):
    return value.encode() if isinstance(value, str) else value
