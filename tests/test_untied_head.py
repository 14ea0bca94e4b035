"FlanT5 has a head of its own (`lm_head.weight`), and transformers 5 forces T5's config to say that it is tied. The oracle is the head applied by hand."
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from transformers import T5Config, T5ForConditionalGeneration

from mentorkd.distil.models import Backbone, load
from mentorkd.tasks.records import Example
from mentorkd.distil.tiny import tiny_tokenizer
from mentorkd.distil.train import TrainSettings, train

FEW = TrainSettings(updates=4, batch_size=4, evals=2, lr=1e-2)
ROWS = [Example(str(i), f'{i} + 1?', f'{i} + 1 = {i + 1}. --> {i + 1}', 'teacher') for i in range(16)]


def checkpoint(folder):
    "A folder like a FlanT5 checkpoint's: head and embedding differ."
    torch.manual_seed(0)
    tok = tiny_tokenizer()
    model = T5ForConditionalGeneration(T5Config(vocab_size=len(tok), d_model=16, d_kv=4, d_ff=32, num_layers=1, num_heads=4, feed_forward_proj='gated-gelu',
                                                tie_word_embeddings=False, dropout_rate=0., decoder_start_token_id=0))
    model.lm_head.weight = torch.nn.Parameter(torch.randn_like(model.lm_head.weight))
    Backbone(model, tok, 'untied').save(folder)
    return model


def by_hand(model, ids, head):
    "Decoder states times the head: what the logits have to be for a model whose head is its own."
    states = model.decoder(input_ids=model._shift_right(ids), encoder_hidden_states=model.encoder(input_ids=ids).last_hidden_state).last_hidden_state
    return states @ head.T


@torch.no_grad()
def agrees(backbone, head):
    ids = torch.tensor([[5, 9, 12, 1]])
    return torch.allclose(backbone.model(input_ids=ids, labels=ids).logits, by_hand(backbone.model, ids, head), atol=1e-5)


def test_the_head_survives_load_training_save_and_load(tmp_path):
    made = checkpoint(tmp_path/'a')
    stored = load_file(tmp_path/'a'/'model.safetensors')
    assert not torch.equal(stored['lm_head.weight'], stored['shared.weight'])
    b = load(str(tmp_path/'a'))
    assert torch.equal(b.model.lm_head.weight, made.lm_head.weight) and agrees(b, stored['lm_head.weight'])
    scores = iter([.9, .1])
    done = train(b, ROWS, FEW, tmp_path/'run', score=lambda _: next(scores))
    assert done.best_step == 2
    head = done.backbone.model.lm_head.weight.detach().clone()
    assert not torch.equal(head, made.lm_head.weight) and not torch.equal(head, done.backbone.model.shared.weight)
    assert torch.equal(head, load_file(tmp_path/'run'/'checkpoint-2'/'model.safetensors')['lm_head.weight'])
    assert agrees(done.backbone, head)
    done.backbone.save(tmp_path/'b')
    again = load(str(tmp_path/'b'))
    assert torch.equal(again.model.lm_head.weight, head) and agrees(again, head)


@pytest.mark.parametrize('lam', [0., .5])
def test_a_mentor_with_its_own_head_gives_soft_labels(tmp_path, lam):
    checkpoint(tmp_path/'a')
    mentor = load(str(tmp_path/'a'))
    before = {k: v.clone() for k, v in mentor.model.state_dict().items()}
    train(load(str(tmp_path/'a')), ROWS, replace(FEW, lam=lam), tmp_path/'run', mentor=mentor)
    assert all(torch.equal(v, before[k]) for k, v in mentor.model.state_dict().items())
