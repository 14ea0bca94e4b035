"`paper`, `clean` and `reference` in small runs: what is carved, how often is scored, what is read by whom, and whom the mentor writes about."
import json

import pytest

from mentorkd.pipeline.pipeline import run
from mentorkd.pipeline.settings import BEHAVIOURS, SIZES, settings
from mentorkd.tasks import tasks
from mentorkd.tasks.records import read_rows

FEW = dict(train=30, dev=8, test=10)
SMALL = dict(updates=6, mentor_updates=12, teacher_samples=3, mentor_samples=1, max_new_tokens=24, batch_size=16, baseline=False, say=lambda line: None)


@pytest.fixture(autouse=True)
def few(monkeypatch):
    for split, n in FEW.items(): monkeypatch.setitem(tasks.SIZES, split, n)


def scores(folder, who): return [h['eval_accuracy'] for h in json.loads((folder/who/'training.json').read_text())['curve'] if 'eval_accuracy' in h]


@pytest.mark.parametrize('behaviour', ['paper', 'clean'])
def test_the_papers_recipe(behaviour, tmp_path):
    done = run(task='last_letters', behaviour=behaviour, out=tmp_path/'run', **SMALL)
    training = json.loads((done.path/'student'/'training.json').read_text())
    a_round = -(-done.report['counts']['D_train']//16)
    assert len(scores(done.path, 'student')) == max(1, round(training['updates']/a_round)) and training['dev_accuracy'] == max(scores(done.path, 'student'))
    warned = [n for n in done.report['notes'] if 'chosen on the test questions' in n]
    best, last = max(scores(done.path, 'student')), scores(done.path, 'student')[-1]
    assert len(warned) == (behaviour == 'paper') and all(f'{100*(best - last):.1f} points above the last' in n for n in warned)
    if behaviour == 'paper': assert done.report['student']['accuracy'] == training['dev_accuracy']
    assert done.report['counts']['D_mentor'] == sum(r['ok'] and bool(r['rationale'].strip()) for r in read_rows(done.path/'mentor.jsonl')), 'copies stay'


def test_paper_and_clean_differ_in_the_choice_alone():
    paper, clean = BEHAVIOURS['paper'], BEHAVIOURS['clean']
    assert {k for k in paper if paper[k] != clean[k]} == {'select'} and paper.keys() == clean.keys()
    assert {settings('small', behaviour=b).extractor for b in ('paper', 'clean', 'reference')} == {'reference'}
    for size, lora in dict(large=0, xl=64, xxl=128).items(): assert SIZES[size].lora == lora


def test_the_mentor_writes_about_all_questions_or_the_annotated_ones(tmp_path):
    of = {q: run(task='last_letters', ratio=.4, mentor_questions=q, evals=1, out=tmp_path/q, **SMALL).path for q in ('annotated', 'all')}
    asked = {q: [{r['id'] for r in read_rows(p/f'{who}.jsonl')} for who in ('teacher', 'mentor')] for q, p in of.items()}
    assert asked['annotated'][0] == asked['annotated'][1] == asked['all'][0] and len(asked['all'][0]) == 12
    assert asked['all'][1] == {r['id'] for r in read_rows(of['all']/'questions.jsonl') if r['split'] == 'train'} and len(asked['all'][1]) == 30
    assert (of['all']/'mentor'/'model.safetensors').read_bytes() == (of['annotated']/'mentor'/'model.safetensors').read_bytes()


def test_with_all_annotated_both_readings_are_the_same(tmp_path):
    files = [(run(task='last_letters', mentor_questions=q, evals=1, out=tmp_path/q, **SMALL).path/'student'/'model.safetensors').read_bytes() for q in ('annotated', 'all')]
    assert files[0] == files[1]
