"What a key depends on: no new option, no other code, no other version of this package; but every default, and how answers are read."
import json
from dataclasses import MISSING, field, fields, make_dataclass
from pathlib import Path

import pytest

from mentorkd.tasks import answers
from mentorkd.pipeline import distillation, stages
from mentorkd.tasks import tasks
from mentorkd.tasks.answers import AnswerKind
from mentorkd.pipeline.distillation import Distillation
from mentorkd.tasks.records import FIRST, SINCE, Example, Question, key_of, read_rows
from mentorkd.pipeline.settings import Settings, settings
from mentorkd.distil.soft_labels import Form
from mentorkd.studies import search
from mentorkd.studies.study_files import read_study
from mentorkd.studies.tables import as_written
from mentorkd.distil.train import TrainSettings

HERE = Path(__file__).parent
IN_KEYS = (Settings, TrainSettings, Form, AnswerKind, Question, Example)
STUDIES = sorted(f for f in (HERE.parent/'nbs'/'analysis').glob('*.toml') if f.with_suffix('.csv').is_file())
SMALL = dict(task='last_letters', updates=2, mentor_updates=2, evals=1, teacher_samples=2, max_new_tokens=6, soft_labels='topk')


@pytest.fixture(autouse=True)
def few_questions(monkeypatch):
    for split, n in dict(train=12, dev=6, test=12).items(): monkeypatch.setitem(tasks.SIZES, split, n)


def later(record):
    "The record with one more option."
    return make_dataclass(record.__name__, [('dummy', int, field(default=0, metadata={SINCE: '9'}))], bases=(record,), frozen=True)


def defaults():
    "Record → field → default, of those that have one."
    return {r.__name__: {f.name: f.default for f in fields(r) if f.default is not MISSING} for r in IN_KEYS}


def test_a_default_stays_or_its_first_one_is_remembered():
    first = json.loads((HERE/'defaults.json').read_text())
    now = json.loads(json.dumps({r: {n: FIRST.get(r, {}).get(n, d) for n, d in ds.items()} for r, ds in defaults().items()}))
    changed = [f'{r}.{n}: {d!r}, now {now[r].get(n)!r}' for r, ds in first.items() for n, d in ds.items() if now[r].get(n) != d]
    assert not changed, 'One key would have two meanings: put the first default into records.FIRST'
    added = [f'{r.__name__}.{f.name}' for r in IN_KEYS for f in fields(r) if f.default is not MISSING and f.name not in first[r.__name__] and SINCE not in f.metadata]
    assert not added, f"Say since when they are there: field(default=…, metadata={{SINCE: '0.3'}}), and write their defaults into tests/defaults.json: {added}"


@pytest.mark.parametrize('file', STUDIES, ids=lambda f: f.stem)
def test_a_dummy_setting_changes_no_key_of_a_table(file):
    new = later(Settings)
    runs, (rows, _) = read_study(file).runs, as_written(file.with_suffix('.csv'))
    again = [key_of(new(**{f.name: getattr(r.settings, f.name) for f in fields(Settings)})) for r in runs]
    assert again == [r.key for r in runs] == [row['run'] for row in rows]
    assert [k.former for k in again] == [r.key.former for r in runs]
    assert key_of(new(dummy=1)) != key_of(Settings())


def test_a_dummy_setting_changes_no_key_of_any_record():
    given = dict(AnswerKind=AnswerKind('choice', letters='ABCD'), Question=Question('a', 'How many?', '7'), Example=Example('a', 'How many?', 'Seven. --> 7', 'teacher'))
    for record in IN_KEYS:
        one = given.get(record.__name__) or record()
        again = later(record)(**{f.name: getattr(one, f.name) for f in fields(record)})
        assert key_of(again) == key_of(one) and key_of(again).former == key_of(one).former


def searched(out, **given):
    return search.search(['vanilla-kd'], 1, dict(lr=(5e-4,)), out, **SMALL | given)


def test_a_search_is_found_again_unless_answers_are_read_otherwise(tmp_path, monkeypatch):
    found = searched(tmp_path)
    monkeypatch.setattr(search, 'settings', lambda *a, **k: later(Settings)(**{f.name: getattr(settings(*a, **k), f.name) for f in fields(Settings)}))
    with monkeypatch.context() as m:
        m.setattr(search, 'dev_accuracy', lambda *_, **__: pytest.fail('tried again'))
        assert searched(tmp_path) == found
    monkeypatch.setattr(search, 'dev_accuracy', lambda *_, **__: .5)
    monkeypatch.setitem(answers.EXTRACTOR_VERSIONS, 'strict', 99)
    assert [t.dev_accuracy for t in searched(tmp_path)] == [.5]


def test_a_search_of_0_1_is_found(tmp_path, monkeypatch):
    import optuna
    monkeypatch.setitem(answers.EXTRACTOR_VERSIONS, 'strict', 1)  # as it had
    key = key_of(settings(**SMALL | search.FAIR), search.space_of(search.method('vanilla-kd'), dict(lr=(5e-4,))))
    old = optuna.create_study(study_name=f'vanilla-kd-{key.former}', storage=f"sqlite:///{tmp_path/'trials.db'}", direction='maximize')
    old.enqueue_trial(dict(lr=5e-4)); old.optimize(lambda t: .25 if t.suggest_categorical('lr', [5e-4]) else 0, 1)
    monkeypatch.setattr(search, 'dev_accuracy', lambda *_, **__: pytest.fail('tried again'))
    assert [t.dev_accuracy for t in searched(tmp_path)] == [.25]


def keys(s, out, store):
    "Stage → key of a run, and what was said while it was done."
    lines = []
    d = Distillation(s, out, lines.append, store)
    for stage in (d.teach, d.train_mentor, d.augment, d.label_softly, d.train_students, d.test): stage()
    return d.folder.used, lines


def test_a_dummy_setting_changes_no_key_of_a_stage_or_store(tmp_path, monkeypatch):
    before, _ = keys(settings(**SMALL), tmp_path/'before', tmp_path/'store')
    for name, record in dict(TrainSettings=TrainSettings, Form=Form).items(): monkeypatch.setattr(distillation, name, later(record))
    new = later(Settings)(**{f.name: getattr(settings(**SMALL), f.name) for f in fields(Settings)})
    after, lines = keys(new, tmp_path/'after', tmp_path/'store')
    assert after == before and len(before) == 10
    assert all(l.endswith('from the store') for l in lines), lines


def test_another_version_of_this_package_takes_what_is_there(tmp_path, monkeypatch):
    here = stages.versions()
    keys(settings(**SMALL), tmp_path/'one', tmp_path/'store')
    monkeypatch.setattr(stages, 'versions', lambda: here | dict(mentorkd='99'))
    assert all(l.endswith('from the store') for l in keys(settings(**SMALL), tmp_path/'two', tmp_path/'store')[1])
    monkeypatch.setattr(stages, 'versions', lambda: here | dict(torch='99'))
    assert all(l.endswith('…') for l in keys(settings(**SMALL), tmp_path/'three', tmp_path/'store')[1])


def test_marks_of_another_extractor_are_made_again_from_the_texts(tmp_path, monkeypatch):
    s = settings(**SMALL)
    keys(s, tmp_path/'run', None)
    test_texts = [r['text'] for r in read_rows(tmp_path/'run'/'teacher_test.jsonl')]
    monkeypatch.setitem(answers.EXTRACTOR_VERSIONS, 'strict', 99)
    monkeypatch.setitem(answers.EXTRACTORS, 'strict', lambda text, kind: answers.Reading('a'))  # which reads otherwise
    monkeypatch.setattr(distillation.Distillation, 'writer', lambda *_, **__: pytest.fail('asked again'))
    d = Distillation(s, tmp_path/'run', lambda line: None)
    d.ask_stage('teacher_test', 'teacher_test.jsonl', lambda: pytest.fail('asked again'), d.teachers[1].key, d.questions['test'], 'teacher')
    rows = read_rows(tmp_path/'run'/'teacher_test.jsonl')
    assert [r['text'] for r in rows] == test_texts and {r['answer'] for r in rows} == {'a'}
    assert json.loads((tmp_path/'run'/'manifest.json').read_text())['stages']['teacher_test']['marked_by'] == 'strict 99'


def test_a_key_is_the_same_on_every_machine():
    assert (key_of(settings(lam=.1)), key_of(settings(lam=.1)).former, key_of(settings())) == KNOWN


KNOWN = ('e557ab11fb94', '16a64d6f7470', 'e10808d43975')
