"""A tiny random T5 with a tokenizer of residues, stored as ProtT5 is."""

import io
import random

import pytest
import sentencepiece
import torch
from transformers import T5Config, T5EncoderModel

RESIDUES = "ALGVSREDTIPKFQNYMHWCX"


def _train_tokenizer():
    """Return a model whose words are residues, with ProtT5's special tokens."""
    drawn = random.Random(0)
    lines = [" ".join(drawn.choices(RESIDUES, k=60)) for _ in range(300)]
    content = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_writer=content,
        model_type="word",
        vocab_size=24,
        hard_vocab_limit=False,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        minloglevel=2,
    )
    return content.getvalue()


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Return a folder with the model."""
    path = tmp_path_factory.mktemp("tiny-t5")
    (path / "spiece.model").write_bytes(_train_tokenizer())
    (path / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    config = T5Config(
        vocab_size=128, d_model=16, d_kv=4, d_ff=32, num_layers=2, num_heads=4,
        relative_attention_num_buckets=8,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        T5EncoderModel(config).save_pretrained(path)
    return path


@pytest.fixture(scope="session")
def make_sequences():
    """Return a function that draws sequences."""

    def make(n, seed=0, longest=60):
        drawn = random.Random(seed)
        return ["".join(drawn.choices(RESIDUES, k=drawn.randint(1, longest))) for _ in range(n)]

    return make
