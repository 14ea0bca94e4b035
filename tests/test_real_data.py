"On the authors' released files. Read from MENTORKD_DATA; there a missing file is a failure."
import os

import pytest

pytestmark = pytest.mark.skipif('MENTORKD_DATA' not in os.environ, reason='MENTORKD_DATA is not set: the released files are not on this machine')


@pytest.fixture(scope='module')
def result(tmp_path_factory):
    from mentorkd.pipeline.pipeline import run
    return run(task='tracking_shuffled_objects', updates=6, mentor_updates=6, evals=1, max_new_tokens=16, mentor_samples=1, out=tmp_path_factory.mktemp('real')/'run', say=lambda line: None)


def test_gpt35_rationales_go_through_the_whole_pipeline(result):
    r = result.report
    assert r['counts']['questions'] == dict(train=473, dev=52, test=225)
    assert r['teacher']['correct'] == 113 and r['teacher']['n'] == 225
    assert r['student']['n'] == r['vanilla']['n'] == 225
    c = r['counts']
    assert c['teacher']['attempts'] == c['teacher']['correct'] and 5*c['teacher']['covered'] < c['teacher']['attempts'] <= 6*c['teacher']['covered']
    assert 2*c['teacher']['covered'] < c['D_teacher'] <= 3*c['teacher']['covered']


def test_the_report_says_what_to_expect(result):
    notes = ' '.join(result.report['notes'])
    assert 'random weights' in notes and 'chance' in notes and 'carved' in notes and 'every seed trains on the same' not in notes


@pytest.mark.parametrize('task', ['tracking_shuffled_objects', 'date_understanding', 'last_letter_concatenation'])
def test_seeds_draw_three_of_six(task):
    from collections import Counter
    from mentorkd.pipeline.inputs import released_rows, teachers
    from mentorkd.pipeline.settings import settings
    from mentorkd.tasks.tasks import load_task
    from mentorkd.writers.attempts import ask, draw
    data, flat = load_task(task, carve_dev=False), lambda text: ' '.join(text.split())
    said = ask(teachers(settings(task=task))[0], data.split('train'), data.task.kind, 'teacher', 6)
    assert all(a.ok for a in said) and {flat(a.rationale) for a in said} > {flat(r['rationale']) for r in released_rows(task, 'train')}
    one, two = ([(a.id, a.sample) for a in draw(said, 3, seed)] for seed in (1, 2))
    there = Counter(a.id for a in said)
    assert Counter(i for i, _ in one) == Counter(i for i, _ in two) == {i: min(3, n) for i, n in there.items()}
    assert len(set(one) & set(two)) < .6*len(one)  # chance alone leaves half


@pytest.mark.parametrize('task, why', [('svamp', 'released no more'), ('strategy_qa', 'data/prompt/strategy_qa_6.json has six')])
def test_notes_tell_of_three_that_leave_nothing_to_draw(task, why):
    from mentorkd.pipeline.inputs import load_data, nothing_to_draw, six_rows, teachers
    from mentorkd.pipeline.settings import settings
    s = settings(task=task)
    if six_rows('strategy_qa') and task == 'strategy_qa': pytest.skip('the six are on this machine')
    train, g = load_data(s).split('train'), teachers(s)[0]
    [note] = nothing_to_draw(s, g, train)
    assert why in note and 'more than 3' in note
    assert nothing_to_draw(settings(task=task, teacher_draw=2), g, train) == []


@pytest.mark.parametrize('task, n', [('tracking_shuffled_objects', 525), ('date_understanding', 258), ('last_letter_concatenation', 350), ('strategy_qa', 1603)])
def test_all_train_questions_train_when_weights_are_chosen_on_test(task, n):
    from mentorkd.pipeline.inputs import load_data
    from mentorkd.pipeline.settings import settings
    data = load_data(settings(task=task, behaviour='reference'))
    assert data.sizes()['train'] == n and data.sizes()['dev'] == 0 and f'train keeps its {n} questions' in data.notes[-1]
    assert load_data(settings(task=task)).sizes()['dev'] == round(.1*n)


def test_released_dev_is_read_whatever_weights_are_chosen_on():
    from mentorkd.tasks.tasks import load_paper
    assert [load_paper('svamp', carve_dev=c).sizes() for c in (True, False)] == [dict(train=700, dev=150, test=150)]*2


def test_a_file_that_differs_is_refused(tmp_path, monkeypatch):
    from mentorkd.tasks.records import InputError
    from mentorkd.tasks.tasks import load_paper
    (tmp_path/'skeleton').mkdir()
    (tmp_path/'skeleton'/'svamp_train.json').write_text('[]')
    monkeypatch.setenv('MENTORKD_DATA', str(tmp_path))
    with pytest.raises(InputError, match='differs from the released file'): load_paper('svamp')


@pytest.mark.parametrize('task', ['commonsense_qa', 'gsm8k'])
def test_missing_annotations_are_named(task):
    from mentorkd.pipeline.inputs import released_rows
    from mentorkd.tasks.records import InputError
    with pytest.raises(InputError, match=f'No file at .*{task}_3_train.json.*rows of input, chain and answer.*--annotations.*Download https://github.com/2hojae/mentor-kd/raw/ec9ea11'): released_rows(task, 'train')


def test_real_t5_tokenizer_loses_what_the_report_counts(tmp_path):
    from pathlib import Path
    import torch
    from transformers import T5Config, T5ForConditionalGeneration, T5Tokenizer
    from mentorkd.distil.models import Backbone, carries, encode
    from mentorkd.tasks.records import Example
    model = Path(os.environ['MENTORKD_DATA']).parent.parent/'models'/'spiece.model'
    if not model.is_file(): pytest.skip('no sentencepiece file beside the data')
    (tmp_path/'spiece.model').write_bytes(model.read_bytes())
    tok = T5Tokenizer.from_pretrained(tmp_path)
    assert len(tok) == 32100
    b = Backbone(T5ForConditionalGeneration(T5Config(vocab_size=32128, d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2, decoder_start_token_id=0)), tok, 't5')
    assert carries(b, 'Tom has 3 apples.')
    for lost in '<\\^`{}~': assert not carries(b, f'a {lost} b')
    for folded in ('a\nb', 'a  b'): assert not carries(b, folded)
    assert encode(b, [Example('1', '1 < 2?', 'Yes. --> yes', 'teacher')]).not_carried == 1


def test_raw_rationales_of_others_go_through_the_same_marking(tmp_path):
    from pathlib import Path
    from mentorkd.teacher.import_annotations import import_annotations
    from mentorkd.tasks.tasks import TASKS, fetch, load_task
    data, svamp = Path(os.environ['MENTORKD_DATA']), load_task('svamp')
    raw = import_annotations([fetch('data/SVAMP/train.json')], svamp.questions, TASKS['svamp'].kind, tmp_path, 'lenient').report
    assert raw['rows'] == {"MCC-KD's": 700} and raw['attempts'] == 7000 and raw['strangers'] == 0 and 4000 < raw['correct'] < 6000
    authors = import_annotations([data/'main'/'svamp_3_train.json'], svamp.questions, TASKS['svamp'].kind, tmp_path).report
    assert authors['attempts'] == authors['correct'] == 1953 and authors['other_gold'] == 0


@pytest.fixture
def counting(tmp_path, monkeypatch):
    "The functions of an analysis page: its cells up to the slow one. They read no committed table."
    import json
    from pathlib import Path
    analysis = Path(__file__).resolve().parent.parent/'nbs'/'analysis'
    monkeypatch.chdir(tmp_path)

    def read(page):
        names = {}
        for c in json.loads((analysis/f'{page}.ipynb').read_text())['cells']:
            source = ''.join(c['source'])
            if source.startswith('#| slow'): return analysis, names
            if c['cell_type'] == 'code': exec(source, names)
    return read


def same(rows, table):
    "Are these the rows of the table, cell by cell?"
    import io
    import pandas as pd
    again = pd.read_csv(io.StringIO(pd.DataFrame(rows).convert_dtypes().to_csv(index=False)), dtype=str, keep_default_na=False)
    committed = pd.read_csv(table, dtype=str, keep_default_na=False)
    key = [c for c in ('task', 'who') if c in committed]
    committed = committed[committed[key].apply(tuple, axis=1).isin(set(again[key].apply(tuple, axis=1)))].reset_index(drop=True)
    pd.testing.assert_frame_equal(again, committed)


def test_data_sets_are_counted_as_committed(counting):
    import pandas as pd
    folder, page = counting('datasets')
    same([page['sizes'](t) for t in page['PAPER'] if t not in ('commonsense_qa', 'gsm8k')], folder/'datasets.csv')  # these two take longest and have nothing to find
    same([g for t in page['PAPER'] for g in page['wrong_golds'](t)], folder/'datasets_golds.csv')
    same([page['statistics'](t) for t in page['PAPER']], folder/'datasets_statistics.csv')
    counted = pd.read_csv(folder/'datasets_rationales.csv')
    same([page['rationales'](t, who) for t, who in zip(counted.task, counted.who)], folder/'datasets_rationales.csv')
    same([page['teacher_marks'](t) for t in ('strategy_qa', 'tracking_shuffled_objects', 'date_understanding', 'last_letter_concatenation')], folder/'datasets_teacher.csv')


def test_labels_travel_as_committed(counting):
    from pathlib import Path
    if not (Path(os.environ['MENTORKD_DATA']).parent.parent/'models'/'spiece.model').is_file(): pytest.skip('no sentencepiece file beside the data')
    folder, page = counting('datasets')
    t5 = page['real_t5']()
    some = [('svamp', 'teacher'), ('date_understanding', 'teacher'), ('last_letter_concatenation', 'teacher'), ('date_understanding', 'mentor'), ('last_letter_concatenation', 'mentor')]
    same([page['on_the_way'](t, who, t5)[0] for t, who in some], folder/'datasets_tokens.csv')


def test_cases_are_found_as_committed(counting):
    folder, page = counting('case_study')
    rows, cases = zip(*(page['missed'](t) for t in page['MENTOR']))
    same(rows, folder/'teacher_missed.csv')
    same([r for t, found in zip(page['MENTOR'], cases) for r in page['case_rows'](t, found)], folder/'case_study.csv')
    sorts, firsts = zip(*(page['errors'](t) for t in ('strategy_qa', 'tracking_shuffled_objects', 'date_understanding', 'last_letter_concatenation')))
    same(sorts, folder/'teacher_errors.csv')
    same([r for some in firsts for r in some], folder/'teacher_errors_shown.csv')
