"""Small runs whose loss curves and answers are kept: what a change of code may not change.

Losses agree within 2% and nine answers of ten are the same: other processors add up in another order, and a few dozen updates amplify
that. `python tests/test_golden.py` writes the file anew, for a change that is meant to change results."""
import json
import os
from pathlib import Path

import pytest

from mentorkd.tasks import tasks
from mentorkd.pipeline.cases import open_run
from mentorkd.pipeline.pipeline import run

FILE = Path(__file__).with_name('golden.json')
TOLERANCE, SAME = .02, .9
FEW = dict(train=60, dev=12, test=30)
SMALL = dict(updates=24, mentor_updates=24, evals=2, teacher_samples=3, mentor_samples=1, max_new_tokens=40, batch_size=16, say=lambda line: None)
RUNS = {
    'chain_arithmetic': dict(task='chain_arithmetic'),
    'last_letters_topk': dict(task='last_letters', soft_labels='topk'),
    'shuffled_objects_mcc': dict(task='shuffled_objects', method='mcc-kd', baseline=False),
    'reference': dict(task='last_letters', behaviour='reference', mentor_epochs=2, epochs=2),
    'accumulated': dict(task='chain_arithmetic', accumulate=2, batch_size=8, tau=2., group_by_length=True, baseline=False)}


def measured(name, out):
    "Curves of all models, and each answer to a test question."
    result = run(out=out/name, **SMALL | RUNS[name])
    kept = open_run(result.path)
    trained = [w for w in ('mentor', 'vanilla', 'student') if (kept.path/w/'training.json').is_file()]
    losses = {w: [[h['step'], h['loss']] for h in json.loads((kept.path/w/'training.json').read_text())['curve'] if 'loss' in h] for w in trained}
    files = ('teacher', 'mentor', 'teacher_test', 'mentor_test', 'vanilla', 'student')
    return dict(losses=losses, answers={f: [a.answer for a in kept.attempts(f)] for f in files if kept.attempts(f)}, rows=result.report['counts']['D_train'])


@pytest.fixture
def few(monkeypatch):
    for split, n in FEW.items(): monkeypatch.setitem(tasks.SIZES, split, n)


@pytest.mark.parametrize('name', RUNS)
def test_as_it_was(name, few, tmp_path):
    was, now = json.loads(FILE.read_text())[name], measured(name, tmp_path)
    assert now['rows'] == was['rows'] and now['losses'].keys() == was['losses'].keys() and now['answers'].keys() == was['answers'].keys()
    assert now['answers']['teacher'] == was['answers']['teacher']  # no processor's arithmetic is in it
    for who, curve in was['losses'].items():
        assert [step for step, _ in now['losses'][who]] == [step for step, _ in curve] and curve
        assert [loss for _, loss in now['losses'][who]] == pytest.approx([loss for _, loss in curve], rel=TOLERANCE), who
    for who, answers in was['answers'].items():
        assert len(now['answers'][who]) == len(answers)
        assert sum(a == b for a, b in zip(now['answers'][who], answers)) >= SAME*len(answers), who


def test_it_would_notice():
    "The losses of two updates of a curve lie further apart than the tolerance."
    curves = [c for r in json.loads(FILE.read_text()).values() for c in r['losses'].values()]
    assert len(curves) > 8 and all(c[0][1] > (1 + 2*TOLERANCE)*c[-1][1] for c in curves)


if __name__ == '__main__':
    import tempfile
    tasks.SIZES.update(FEW)
    os.environ.setdefault('TQDM_DISABLE', '1')
    with tempfile.TemporaryDirectory() as out: FILE.write_text(json.dumps({n: measured(n, Path(out)) for n in RUNS}) + '\n')
