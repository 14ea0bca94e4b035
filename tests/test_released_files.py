"The road of the released files, without the files: a folder of their form, or a download that is played."
import json
from pathlib import Path

import pytest

from mentorkd.tasks import tasks
from mentorkd.tasks.records import InputError, write_jsonl

QUICK = dict(updates=4, mentor_updates=4, evals=1, max_new_tokens=12, mentor_samples=1, student='tiny', mentor='tiny')


def made_up(task, i):
    "A question with gold and three rationales, as the task has them."
    if task == 'gsm8k': return f'Ann has {i} pens and buys {i}. How many has she?', str(2*i), [f'{w} {i} + {i} = {2*i}.' for w in ('So', 'Now', 'Add:')]
    return f'Where is pen {i}? Answer Choices:\nA. box\nB. bag\nC. bin\nD. jar\nE. cup\n', 'ABCDE'[i % 5], [f'{w} it is in place {i % 5}.' for w in ('So', 'Now', 'Look:')]


@pytest.fixture(params=['gsm8k', 'commonsense_qa'])
def task(request, tmp_path, monkeypatch):
    "A task whose rationales are large files: small ones of their form stand in their place."
    name, said = request.param, {s: [made_up(request.param, i) for i in numbers] for s, numbers in dict(train=range(1, 21), test=range(30, 36), dev=range(40, 44)).items()}
    asked = {s: [dict(input=q, answer=a) for q, a, _ in rows] for s, rows in said.items()}
    files = {f'data/skeleton/{name}_train.json': asked['train'], f'data/skeleton/{name}_test.json': asked['test'], f'data/main/{name}_test.json': asked['test'],
             f'data/main/{name}_3_train.json': [dict(input=q, chain=c, answer=a, initial_correct=True) for q, a, chains in said['train'] for c in chains],
             tasks.PAPER[name].dev_file: [dict(instruction=q, output='', label=a) for q, a, _ in said['dev']]}
    for path, rows in files.items():
        assert path in tasks.released()
        file = tmp_path/'mentor-kd'/tasks._place(path)
        (tmp_path/'mentor-kd').mkdir(exist_ok=True); file.parent.mkdir(exist_ok=True); file.write_text(json.dumps(rows))
    monkeypatch.setenv('MENTORKD_DATA', str(tmp_path/'mentor-kd'))
    monkeypatch.setattr(tasks, 'is_released', lambda content, row: True)
    return name


def test_all_stages_on_files_of_the_released_form(task, tmp_path):
    from mentorkd.pipeline.pipeline import run
    r = run(task=task, out=tmp_path/'run', say=lambda line: None, **QUICK)
    assert r.report['counts']['questions'] == dict(train=20, dev=4, test=6)
    assert r.report['counts']['teacher']['correct'] == r.report['counts']['D_teacher'] == 60
    assert list(json.loads((tmp_path/'run'/'manifest.json').read_text())['stages']) == ['teacher', 'mentor', 'augment', 'soft_labels', 'vanilla', 'student', 'teacher_test', 'mentor_test', 'vanilla_test', 'student_test']
    assert r.report['student']['n'] == r.report['vanilla']['n'] == 6
    assert any('every seed trains on the same ones' in n for n in r.report['notes'])


def test_a_missing_dev_file_ends_the_run(task, tmp_path):
    file = tmp_path/'mcc-kd'/'_'.join(Path(tasks.PAPER[task].dev_file).parts[1:])
    file.unlink()
    with pytest.raises(InputError, match=rf'No file at {file}.*instruction and label.*homzer/MCC-KD/raw/86d263ecb66b'): tasks.load_paper(task)
    data = tasks.load_paper(task, carve_dev=False)
    assert data.sizes() == dict(train=20, dev=0, test=6) and data.notes[-1].endswith('no question of dev is needed')


@pytest.fixture
def downloads(tmp_path, monkeypatch):
    "Downloads are asked for in this list; each gets an empty JSON list."
    import pooch
    asked = []
    def retrieve(url, known_hash, fname, path):
        asked.append(url)
        (tmp_path/fname).write_text('[]')
        return str(tmp_path/fname)
    monkeypatch.delenv('MENTORKD_DATA', raising=False)
    monkeypatch.setattr(pooch, 'retrieve', retrieve)
    return asked


def test_both_repositories_are_downloaded_and_checked_alike(downloads, monkeypatch):
    paths = ['data/skeleton/svamp_test.json', 'data/SVAMP/dev.json']
    for path in paths:
        with pytest.raises(InputError, match='differs from the released file'): tasks.fetch(path)
    assert downloads == [f'https://github.com/{repository}/raw/{commit}/{path}' for path, (repository, commit) in zip(paths, tasks.COMMITS.items())]
    assert all(len(c) == 40 for c in tasks.COMMITS.values())
    monkeypatch.setattr(tasks, 'is_released', lambda content, row: True)
    assert [tasks.read_released(p) for p in paths] == [[], []]


def test_a_file_that_cannot_be_downloaded_is_named(downloads, monkeypatch):
    import pooch
    def offline(url, *_): raise OSError
    monkeypatch.setattr(pooch, 'retrieve', offline)
    for path in ('data/main/gsm8k_3_train.json', 'data/GSM8K/dev.json'):
        with pytest.raises(InputError, match=f'Could not download .*{path} .*It holds .*, rows of .* in which {tasks._place(path)} is that file'): tasks.fetch(path)


def test_the_six_give_way_to_the_three_only_when_they_are_not_here(monkeypatch):
    from mentorkd.pipeline import inputs
    def no(error):
        def read(path): raise error('a', 'b', 'c')
        return read
    monkeypatch.setattr(inputs, 'read_released', no(tasks.NotHere))
    assert inputs.six_rows('strategy_qa') == inputs.six_rows('svamp') == []
    monkeypatch.setattr(inputs, 'read_released', no(InputError))
    with pytest.raises(InputError): inputs.six_rows('strategy_qa')


def test_nothing_is_carved_off_when_weights_are_chosen_on_test(tmp_path):
    from mentorkd.pipeline.pipeline import run
    rows = [made_up('gsm8k', i) for i in range(30)]
    write_jsonl(tmp_path/'own.jsonl', [dict(question=q, answer=a, split='test' if i < 6 else 'train') for i, (q, a, _) in enumerate(rows)])
    write_jsonl(tmp_path/'said.jsonl', [dict(question=q, answer=a, rationale=c) for q, a, chains in rows for c in chains])
    how = dict(questions=str(tmp_path/'own.jsonl'), answer_kind='number', annotations=str(tmp_path/'said.jsonl'), say=lambda line: None, **QUICK)
    by_test, by_dev = (run(select=s, out=tmp_path/s, **how).report for s in ('test', 'dev'))
    assert by_test['counts']['questions'] == dict(train=24, dev=0, test=6) and by_dev['counts']['questions'] == dict(train=22, dev=2, test=6)
    assert by_test['counts']['D_teacher'] == 72 and by_dev['counts']['D_teacher'] == 66
    assert any('train keeps its 24 questions' in n for n in by_test['notes']) and not any('became dev' in n for n in by_test['notes'])
    training = json.loads((tmp_path/'test'/'student'/'training.json').read_text())
    assert training['dev_accuracy'] is not None
