"Every family of models goes through the same loop: trained with soft labels, with adapters, saved, and made to write."
from dataclasses import replace

import pytest
import torch
from tokenizers.processors import TemplateProcessing
from transformers import Gemma2Config, Gemma2ForCausalLM, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM, T5Config, T5ForConditionalGeneration

from mentorkd.tasks.answers import KINDS
from mentorkd.writers.attempts import ask, draw, examples
from mentorkd.writers.generators import ScriptedTeacher
from mentorkd.distil.methods import of_pairs, Material, rd_and_consistency, with_answers
from mentorkd.distil.models import Backbone, LoRA, add_lora, encode, load
from mentorkd.tasks.tasks import load_task
from mentorkd.distil.train import TrainSettings, train
from mentorkd.distil.writing import ModelGenerator

SMALL = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=256, bos_token_id=1, eos_token_id=1, pad_token_id=0)
T5 = dict(d_model=32, d_kv=16, d_ff=48, num_layers=2, num_heads=2, decoder_start_token_id=0)
MADE = {
    't5': (lambda v: T5ForConditionalGeneration(T5Config(vocab_size=v, **T5)), ('q', 'v')),
    'flan-t5': (lambda v: T5ForConditionalGeneration(T5Config(vocab_size=v, feed_forward_proj='gated-gelu', tie_word_embeddings=False, **T5)), ('q', 'v')),
    'gpt2': (lambda v: GPT2LMHeadModel(GPT2Config(vocab_size=v, n_embd=32, n_layer=2, n_head=2, n_positions=256, bos_token_id=1, eos_token_id=1, pad_token_id=0)), ('c_attn',)),
    'llama': (lambda v: LlamaForCausalLM(LlamaConfig(vocab_size=v, **SMALL)), ('q_proj', 'v_proj')),
    'qwen2': (lambda v: Qwen2ForCausalLM(Qwen2Config(vocab_size=v, **SMALL)), ('q_proj', 'v_proj')),
    'gemma2': (lambda v: Gemma2ForCausalLM(Gemma2Config(vocab_size=v, head_dim=16, **SMALL)), ('q_proj', 'v_proj'))}
FEW = TrainSettings(updates=6, batch_size=8, evals=1, lr=5e-3)


@pytest.fixture(scope='module')
def rows():
    questions = load_task('chain_arithmetic').split('train')[:30]
    return questions, examples(draw(ask(ScriptedTeacher('chain_arithmetic'), questions, KINDS['number'], 'teacher', 4), 2), questions)


def made(family: str, seed: int) -> Backbone:
    torch.manual_seed(seed)
    tokenizer = load('tiny').tokenizer
    return Backbone(MADE[family][0](len(tokenizer)).eval(), tokenizer, family)


@pytest.mark.filterwarnings('ignore:The logits are not the head')
@pytest.mark.parametrize('family', MADE)
def test_learns_from_a_mentor_and_writes(family, rows, tmp_path):
    questions, D = rows
    done = train(made(family, 1), D, replace(FEW, lam=.3, tau=2.), tmp_path/'run', mentor=made(family, 2))
    losses = [h for h in done.history if 'loss' in h]
    assert losses[-1]['rd'] < losses[0]['rd'] and all(h['sld'] > 0 for h in losses)
    assert losses[0]['loss'] == pytest.approx(.7*losses[0]['rd'] + .3*4*losses[0]['sld'], rel=1e-3)
    done.backbone.save(tmp_path/'saved')
    again = Backbone(load(str(tmp_path/'saved')).model, done.backbone.tokenizer, family)  # the tokenizer is not of this family, and would be read as if it were
    texts = [list(ModelGenerator(b, family, max_new_tokens=12, batch_size=4)(questions[:5], 1, 0)) for b in (done.backbone, again)]
    assert texts[0] == texts[1] and len(texts[0]) == 5


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize('family', MADE)
def test_adapters_alone_are_trained(family, rows, tmp_path):
    b = add_lora(made(family, 1), LoRA(2, targets=MADE[family][1]))
    before = {n: p.detach().clone() for n, p in b.model.named_parameters()}
    train(b, rows[1], FEW, tmp_path)
    changed = {n for n, p in b.model.named_parameters() if not torch.equal(p, before[n])}
    assert changed and all('lora_' in n for n in changed)


@pytest.mark.parametrize('family', ['flan-t5', 'llama'])
def test_two_rationales_agree_more(family, rows, tmp_path):
    questions, D = rows
    pairs = of_pairs(Material(questions, D, []))
    s = TrainSettings(updates=20, batch_size=8, evals=1, lr=5e-3, together=2, alpha=1.)
    sld = lambda alpha: [h['sld'] for h in train(made(family, 1), pairs, replace(s, alpha=alpha), tmp_path/str(alpha), objective=rd_and_consistency, prepare=with_answers).history if 'sld' in h]
    assert sum(sld(1.)[-5:]) < sum(sld(0.)[-5:])


def test_a_token_that_begins_a_text_is_not_learned(rows):
    b = made('llama', 1)
    plain = encode(b, rows[1]).rows
    b.tokenizer.bos_token = '<unk>'
    b.tokenizer._tokenizer.post_processor = TemplateProcessing(single='<unk> $A', special_tokens=[('<unk>', b.tokenizer.bos_token_id)])
    bos, led = b.tokenizer.bos_token_id, encode(b, rows[1]).rows
    assert all(r['input_ids'][0] == bos and r['input_ids'].count(bos) == 1 for r in led)
    assert [[t for t in r['labels'] if t >= 0] for r in led] == [[t for t in r['labels'] if t >= 0] for r in plain]
    pairs = of_pairs(Material(rows[0], rows[1], []))
    assert len(with_answers(b, encode(b, pairs), pairs)) == len(pairs)


def test_a_vocabulary_padded_further_changes_nothing(rows, tmp_path):
    losses = []
    for extra in (0, 27):
        mentor = made('flan-t5', 2)
        if extra: mentor.model.resize_token_embeddings(mentor.vocab_size + extra, mean_resizing=False)
        losses.append([h['sld'] for h in train(made('flan-t5', 1), rows[1], replace(FEW, lam=.5), tmp_path/str(extra), mentor=mentor).history if 'sld' in h])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
