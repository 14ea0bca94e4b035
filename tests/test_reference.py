"With every switch on, a batch's loss is the authors' formula, written out here from nothing."
import pytest
import torch
import torch.nn.functional as F

from mentorkd.tasks.answers import KINDS
from mentorkd.writers.attempts import ask, draw, examples
from mentorkd.distil.batches import batches_for
from mentorkd.pipeline.distillation import ALIKE
from mentorkd.writers.generators import ScriptedTeacher
from mentorkd.distil.models import encode, load
from mentorkd.pipeline.settings import settings
from mentorkd.tasks.tasks import load_task
from mentorkd.distil.train import TrainSettings, train


def still(name):
    "A model whose dropout does nothing, so that its loss can be computed twice."
    b = load(name)
    for m in b.model.modules():
        if isinstance(m, torch.nn.Dropout): m.p = 0.
    return b


def authors_loss(student, mentor, rows, batch, lam, tau):
    "Every row padded to the longest of the set; the divergence a mean over all positions, no τ²."
    longest, source = max(len(r['labels']) for r in rows), max(len(r['input_ids']) for r in rows)
    labels = torch.tensor([rows[i]['labels'] + [-100]*(longest - len(rows[i]['labels'])) for i in batch])
    ids = torch.tensor([rows[i]['input_ids'] + [0]*(source - len(rows[i]['input_ids'])) for i in batch])
    with torch.no_grad(): s, m = (b.model(input_ids=ids, attention_mask=(ids != 0).long(), labels=labels).logits for b in (student, mentor))
    ce = F.cross_entropy(s.flatten(0, 1), labels.flatten(), ignore_index=-100)
    kl = (F.softmax(m/tau, -1)*(F.log_softmax(m/tau, -1) - F.log_softmax(s/tau, -1))).sum(-1).mean()
    return ((1 - lam)*ce + lam*kl).item()


@pytest.mark.parametrize('seed, lam, tau', [(1, .3, 1.), (2, .1, 2.), (3, .4, 1.5)])
def test_all_switches_on(seed, lam, tau, tmp_path):
    s = settings(behaviour='reference', seed=seed, lam=lam, tau=tau, batch_size=8, evals=1)
    questions = load_task('chain_arithmetic').split('train')[10*seed:10*seed + 30]
    D = examples(draw(ask(ScriptedTeacher('chain_arithmetic'), questions, KINDS['number'], 'teacher', 4), 3, seed), questions)
    t = TrainSettings(1, lr=1e-3, lam=s.lam, tau=s.tau, tau_squared=s.tau_squared, kl_padding=s.kl_padding, **{n: getattr(s, n) for n in ALIKE})
    assert (t.pad, t.kl_padding, t.tau_squared, t.clip, t.schedule, t.decay_all, t.cut_labels) == ('set', True, False, 0., 'constant', True, True)
    rows = encode(load('tiny'), D).rows
    batch = batches_for(rows, 1, 8, seed=seed, group=False)[0]
    ours = train(still('tiny'), D, t, tmp_path, mentor=still('mini')).history[0]['loss']
    assert ours == pytest.approx(authors_loss(still('tiny'), still('mini'), rows, batch, lam, tau), rel=1e-4)
