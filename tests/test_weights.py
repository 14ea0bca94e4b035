"The shipped weights: small, made from what the notebook says, readable by plain transformers."
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from mentorkd.distil.models import load
from mentorkd.distil.tiny import TINY, fingerprint, tiny_folder, tiny_tokenizer


def test_eight_megabytes_at_most():
    assert sum(f.stat().st_size for size in TINY for f in tiny_folder(size).iterdir()) <= 8e6


def test_made_from_this_recipe():
    "When this fails the vocabulary, the relatives or the recipe changed: run `make tiny`."
    assert Path(tiny_folder('tiny').parent/'fingerprint.txt').read_text().strip() == fingerprint()


def test_stored_in_bfloat16_loaded_in_float32():
    stored = load_file(tiny_folder('tiny')/'model.safetensors')
    assert {t.dtype for t in stored.values()} == {torch.bfloat16}
    assert torch.equal(load('tiny').model.shared.weight, stored['shared.weight'].float())


def test_plain_transformers_reads_them():
    for size in TINY:
        model, tok = AutoModelForSeq2SeqLM.from_pretrained(tiny_folder(size)), AutoTokenizer.from_pretrained(tiny_folder(size))
        assert model.config.vocab_size == len(tok) == len(tiny_tokenizer())
