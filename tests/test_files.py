"Whatever somebody keeps questions in: rows as they stand there, or a message that names the row."
import csv
import errno
import gzip
import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import datasets
import pandas as pd
import pytest
from hypothesis import given, settings as trials, strategies as st

from mentorkd.tasks.answers import KINDS, read_gold
from mentorkd.tasks.files import Columns, guess_kind, read_asked, steps_and_answer
from mentorkd.tasks.records import InputError, atomic_path, read_rows, write_jsonl
from mentorkd.tasks.tasks import load_questions

FEW = trials(max_examples=60, deadline=None)
ROWS = [dict(question='1 + 1,\n or "two"; a|b?', answer='007', note=''), dict(question='Œuf ½ 你好 \U0001f600?', answer='NA', note='null'), dict(question='3?', answer='', note=' \t ')]


def table(sign, encoding='utf-8', ends='\r\n', quoting=csv.QUOTE_MINIMAL):
    def content(rows):
        text = io.StringIO()
        writer = csv.DictWriter(text, rows[0], delimiter=sign, lineterminator=ends, quoting=quoting)
        writer.writeheader(); writer.writerows(rows)
        return text.getvalue().encode(encoding)
    return content


def parquet(rows):
    file = io.BytesIO()
    pd.DataFrame(rows).to_parquet(file)
    return file.getvalue()


def as_json(form, **how): return lambda rows: json.dumps(form(rows), **how).encode()


FORMATS = {  # name of a file → its content
    'commas.csv': table(','), 'semicolons.csv': table(';'), 'bars.csv': table('|'), 'tabs.csv': table('\t'), 'tabs.tsv': table('\t', ends='\n'),
    'bom.csv': table(';', 'utf-8-sig'), 'utf16.csv': table('\t', 'utf-16'), 'quoted.txt': table(',', quoting=csv.QUOTE_ALL),
    'hint.csv': lambda rows: b'sep=;\r\n' + table(';')(rows), 'big_endian.tsv': lambda rows: b'\xfe\xff' + table('\t', 'utf-16-be')(rows),
    'lines.jsonl': lambda rows: ''.join(json.dumps(r) + '\n\n' for r in rows).encode(), 'array.json': as_json(list), 'array': as_json(list, ensure_ascii=False, indent=2),
    'held.json': as_json(lambda rows: dict(name='x', examples=rows)), 'data.json': as_json(lambda rows: dict(version=1, data=rows), indent=1),
    'columns.json': as_json(lambda rows: {n: [r[n] for r in rows] for n in rows[0]}), 'pandas.json': lambda rows: pd.DataFrame(rows).to_json().encode(),
    'records.ndjson': lambda rows: pd.DataFrame(rows).to_json(orient='records', lines=True, force_ascii=False).encode(), 'rows.parquet': parquet}
PACKED = {f'{n}.gz': lambda rows, make=make: gzip.compress(make(rows)) for n, make in FORMATS.items()}


@pytest.fixture(scope='module')
def desk(tmp_path_factory): return tmp_path_factory.mktemp('files')


def put(path, content):
    path.write_bytes(content)
    return path


def asked(desk, *rows):
    write_jsonl(desk/'asked.jsonl', rows)
    return desk/'asked.jsonl'


@pytest.mark.parametrize('name', [*FORMATS, *PACKED])
def test_each_format_gives_the_same_rows(name, desk):
    assert read_rows(put(desk/name, (FORMATS | PACKED)[name](ROWS)), ['question', 'answer']) == ROWS


CELL = st.text(st.characters(exclude_categories=['Cs'], exclude_characters='\x00\r'), max_size=30)


@pytest.mark.parametrize('name', FORMATS)
@FEW
@given(rows=st.lists(st.fixed_dictionaries(dict(question=CELL, answer=CELL, note=CELL)), min_size=1, max_size=5))
def test_no_row_is_lost_or_made_up(name, desk, rows):
    assert read_rows(put(desk/name, FORMATS[name](rows))) == rows


@pytest.mark.parametrize('name', ['any.csv', 'any.jsonl', 'any.json', 'any.parquet', 'any.tsv.gz', 'any'])
@FEW
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(lambda t: t.encode('utf-8', 'ignore')) | st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | CELL, lambda x: st.lists(x, max_size=3) | st.dictionaries(CELL | st.sampled_from(['question', 'answer', 'choices', 'input']), x, max_size=3), max_leaves=8).map(lambda x: json.dumps(x).encode()))
def test_any_bytes_are_rows_or_an_error_of_the_user(name, desk, content):
    for start in (b'', b'PAR1', b'\x1f\x8b', b'\xff\xfe', b'question,answer\n', b'[', b'{"question":'):
        for read in (read_rows, load_questions):
            try: assert read(put(desk/name, start + content))
            except InputError as e: assert str(e).count('. ') >= 2 and name in str(e) or 'No train question' in str(e)


@pytest.mark.parametrize('name', [*FORMATS, 'rows.parquet.gz', 'commas.csv.gz'])
def test_a_file_that_was_cut_or_changed_gives_no_other_error(name, desk):
    whole = (FORMATS | PACKED)[name](ROWS)
    spoilt = [whole[:k*len(whole)//12] for k in range(12)] + [whole[:k] + bytes([b]) + whole[k+1:] for k in range(0, len(whole), max(1, len(whole)//25)) for b in (0, 34, 255)]
    for content in spoilt:
        try: rows = read_rows(put(desk/f'spoilt-{name}', content))
        except InputError: continue
        assert all(isinstance(r, dict) for r in rows)


ANY = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | CELL | st.sampled_from(['A', '(B)', '#### 3', r'\boxed{2}', "['a', 'b']"]), lambda x: st.lists(x, max_size=4) | st.dictionaries(st.sampled_from(['stem', 'text', 'label', 'choices', 'A', 'B']), x, max_size=4), max_leaves=8)


@trials(max_examples=400, deadline=None)
@given(rows=st.lists(st.fixed_dictionaries(dict(question=ANY, answer=ANY), optional=dict(choices=ANY, options=ANY, rationale=ANY, id=ANY, split=ANY, Body=ANY)), min_size=1, max_size=3), kind=st.sampled_from([None, *(KINDS[n] for n in ('number', 'choice', 'yesno', 'text'))]))
def test_any_values_are_questions_or_an_error_of_the_user(desk, rows, kind):
    try:
        assert len(read_asked(asked(desk, *rows))) == len(rows)
        data = load_questions(asked(desk, *rows), kind)
    except InputError: return
    assert len(data.questions) == len(rows) and all(isinstance(q.answer, str) and q.question.strip() for q in data.questions)


def test_a_saved_data_set_brings_its_splits(desk):
    parts = datasets.DatasetDict({n: datasets.Dataset.from_list([dict(question=f'{n} {i}?', answer=i) for i in range(3)]) for n in ('train', 'validation', 'test')})
    parts.save_to_disk(desk/'parts'); parts['train'].save_to_disk(desk/'one')
    assert load_questions(desk/'parts').sizes() == dict(train=3, dev=3, test=3)
    assert [r['answer'] for r in read_rows(desk/'one', ['answer'])] == [0, 1, 2]
    (desk/'nothing').mkdir()
    with pytest.raises(InputError, match='no data set|nor a data set'): read_rows(desk/'nothing')


def test_the_hub_by_name(monkeypatch, desk):
    asked_for = []
    def load(name, split=None): asked_for.append((name, split)); return datasets.Dataset.from_list([dict(question='1?', answer=1)])
    monkeypatch.setattr(datasets, 'load_dataset', load)
    for name in ('hub:someone/sums', 'someone/sums', 'someone/sums:test', 'hub:sums:test'): read_rows(name, ['question'])
    assert asked_for == [('someone/sums', None), ('someone/sums', None), ('someone/sums', 'test'), ('sums', 'test')]
    def offline(*_, **__): raise ConnectionError("Couldn't reach the Hub")
    monkeypatch.setattr(datasets, 'load_dataset', offline)
    with pytest.raises(InputError, match='go online for hub:owner/name'): load_questions('someone/sums')
    with pytest.raises(InputError, match='No file at'): load_questions('someone/sums.csv')


NAMES = [('question', 'answer'), ('Question', 'ANSWER'), (' question ', 'Answer '), ('QUESTION', 'Target'), ('problem', 'answer'), ('input', 'target'), ('Prompt', 'gold'), ('query', 'label'), ('question_stem', 'answerKey'), ('Question Stem', 'Answer Key')]


@pytest.mark.parametrize('names', NAMES, ids=lambda n: n[0].strip())
def test_usual_names_of_columns(names, desk):
    data = load_questions(asked(desk, *({names[0]: f'{i}?', names[1]: i} for i in range(5))))
    assert {q.question: q.answer for q in data.questions} == {f'{i}?': str(i) for i in range(5)}


def test_other_names_are_given_or_listed(desk):
    path = put(desk/'german.csv', 'Frage;Antwort;Wahl\nWo?;B;Schuh|Meer\nWer?;A;Fisch|Hund\nWas?;B;Aal|Hai\n'.encode())
    with pytest.raises(InputError, match="no field question, answer; there are 'Frage', 'Antwort', 'Wahl'.*--question-column NAME, --answer-column NAME"): load_questions(path)
    with pytest.raises(InputError, match="no field Antwor; there are"): load_questions(path, columns=Columns('Frage', 'Antwor'))
    data = load_questions(path, columns=Columns('Frage', 'Antwort', 'Wahl'))
    assert [(q.question, q.answer) for q in data.questions][:2] == [('Wo? Answer Choices:\nA. Schuh\nB. Meer', 'B'), ('Wer? Answer Choices:\nA. Fisch\nB. Hund', 'A')]
    with pytest.raises(InputError, match="one column, 'question:answer', that no comma, semicolon, tab or bar parts"): load_questions(put(desk/'colons.csv', b'question:answer\n1?:1\n'))


STEM = dict(stem='Where do eels live?', choices=[dict(label='A', text='a shoe'), dict(label='B', text='the sea')])
SHOWN = 'Where do eels live? Answer Choices:\nA. a shoe\nB. the sea'
SHAPES = [  # a row, the kind that is guessed, the question, the gold
    (dict(question='1 + 2?', answer='1 + 2 = <<1+2=3>>3\n#### 3'), 'number', '1 + 2?', '3'),
    (dict(question='Much?', answer='A lot.\n#### 1,200'), 'number', 'Much?', '1200'),
    (dict(question='Less?', answer='Down to\n#### -5\n'), 'number', 'Less?', '-5'),
    (dict(input='not ( True ) is', target='False'), 'yesno', 'not ( True ) is', 'no'),
    (dict(input='Which?\nOptions:\n(A) x\n(B) y', target='(B)'), 'choice', 'Which?\nOptions:\n(A) x\n(B) y', 'B'),
    (dict(input='Close [ (', target=') ]'), 'text', 'Close [ (', ') ]'),
    (dict(question='Half of 4?', options=['A)1', 'B)2'], rationale='4/2 = 2\nB', correct='B'), 'choice', 'Half of 4? Answer Choices:\nA. 1\nB. 2', 'B'),
    (dict(question='Where do eels live?', choices=dict(label=['A', 'B'], text=['a shoe', 'the sea']), answerKey='B'), 'choice', SHOWN, 'B'),
    (dict(question='Where do eels live?', choices=dict(label=['1', '2'], text=['a shoe', 'the sea']), answerKey='2'), 'choice', SHOWN, 'B'),
    (dict(question=STEM, answerKey='B'), 'choice', SHOWN, 'B'),
    (dict(question=STEM, answerKey='A'), 'choice', SHOWN, 'A'),
    (dict(question_stem='Where do eels live?', choices=dict(label=['A', 'B'], text=['a shoe', 'the sea']), answerKey='B'), 'choice', SHOWN, 'B'),
    (dict(question='Where do eels live?', choices=['a shoe', 'the sea'], answer=1), 'choice', SHOWN, 'B'),
    (dict(question='Where do eels live?', choices=['a shoe', 'the sea'], answer='B'), 'choice', SHOWN, 'B'),
    (dict(question='Where do eels live?', options=['a shoe', 'the sea'], answer='the sea'), 'choice', SHOWN, 'B'),
    (dict(question='Where do eels live?', options=dict(A='a shoe', B='the sea'), answer='b'), 'choice', SHOWN, 'B'),
    (dict(question='Where do eels live?', choices="['a shoe', 'the sea']", answer='1'), 'choice', SHOWN, 'B'),
    (dict(question='Where do eels live?', A='a shoe', B='the sea', answer='B'), 'choice', SHOWN, 'B'),
    (dict(question='Where do eels live?', option_a='a shoe', option_b='the sea', answer='B'), 'choice', SHOWN, 'B'),
    (dict(question=SHOWN, choices=['a shoe', 'the sea'], answer='B. the sea'), 'choice', SHOWN, 'B'),
    (dict(qid='a0', question='Do eels swim?', answer=True, facts=['They do.']), 'yesno', 'Do eels swim?', 'yes'),
    (dict(question='Do eels fly?', answer='false'), 'yesno', 'Do eels fly?', 'no'),
    (dict(ID='chal-1', Body='Ann has 3 pens. She buys 2', Question='How many pens has she?', Equation='( 3.0 + 2.0 )', Answer=5.0), 'number', 'Ann has 3 pens. She buys 2 How many pens has she?', '5'),
    (dict(problem='Half of 4?', level='Level 1', solution=r'It is $\boxed{2}$.'), 'number', 'Half of 4?', '2'),
    (dict(problem='Thrice?', solution=r'First $\boxed{1}$, then $\fbox{30}$.'), 'number', 'Thrice?', '30'),
    (dict(problem='Half of 4?', solution='It is 2.', answer='2'), 'number', 'Half of 4?', '2'),
    (dict(question='Name?', answer='NA'), 'text', 'Name?', 'na'),
    (dict(question='Where do eels live?', choices=None, answer='sea'), 'text', 'Where do eels live?', 'sea')]


@pytest.mark.parametrize('row, kind, question, gold', SHAPES, ids=[f'{i}' for i in range(len(SHAPES))])
def test_shapes_of_public_data_sets(row, kind, question, gold, desk):
    (read,) = read_asked(asked(desk, row))
    found = guess_kind([read])
    assert (found.name, read.question, read_gold(read.answer, found)) == (kind, question, gold)
    (again,) = read_asked(asked(desk, row), choose=False)
    assert again.row == read.row == row and again.rationale == read.rationale


def test_a_solution_is_parted():
    for text in ('No answer.', '', '#### ', r'\boxed{', r'\boxed{1'): assert steps_and_answer(text) is None
    assert steps_and_answer(r'\boxed{\frac{1}{2}}') == (r'\boxed{\frac{1}{2}}', r'\frac{1}{2}')
    assert steps_and_answer('#### 4') == (None, '4')
    assert steps_and_answer('a #### 4') == ('a', '4')


def test_numbers_that_somebody_asked_about_keep_their_options_out_of_the_text(desk):
    path = asked(desk, *(dict(question=f'{i}?', options=['x', 'y'], answer=i) for i in range(5)))
    assert {q.question for q in load_questions(path, KINDS['number']).questions} == {f'{i}?' for i in range(5)}


KINDS_OF = {'number': [1, 2.5, '3', '-4', '1,000', '$5', '0', '7.0', 1e3, '1e3'], 'yesno': [True, False, 'yes', 'No', 'YES', 'true', 'False', 'no', 'Yes.', 'no.'],
            'text': ['sea', '007 James', 'two words', 'A or B', 'x1', 'None', 'nan', '3 and 4', 'maybe', '1/2/2020']}


@pytest.mark.parametrize('name', KINDS_OF)
def test_the_kind_is_guessed_from_all_golds_and_said(name, desk):
    golds = KINDS_OF[name]
    data = load_questions(asked(desk, *(dict(question=f'{i}?', answer=a) for i, a in enumerate(golds))))
    assert data.task.kind.name == name and '--answer-kind' in data.notes[0] and '10' in data.notes[0]
    mixed = load_questions(asked(desk, *(dict(question=f'{i}?', answer=a) for i, a in enumerate([*golds, 'sea shell']))))
    assert mixed.task.kind.name == 'text'


ROW = dict(question='1 + 1?', answer=2)
REFUSED = [  # the second of two rows, and what is said of it
    (dict(question='1 \ud83d', answer=2), 'row 2 holds'), (dict(question='1 \x00', answer=2), 'row 2 holds'), (dict(question='2?', answer=2, note=['\udc00']), 'row 2 holds'),
    (dict(question='2?', answer=2, note={'a\x00': 1}), 'row 2 holds'), (dict(question=dict(text='2?'), answer=2), 'row 2: the question is'), (dict(question=['2?'], answer=2), 'row 2: the question is'),
    (dict(question='', answer=2), 'row 2: the question is'), (dict(question=2, answer=2), 'row 2: the question is'), (dict(question='2?', answer=['2', 'two']), 'row 2: the answer reads'),
    (dict(question='2?', answer=dict(text=['2'])), 'row 2: the answer reads'), (dict(question='2?', answer=None), 'row 2: the answer reads'), (dict(question='2?'), 'row 2: the answer reads'),
    (dict(question='2?', answer='two'), 'row 2: the answer reads'), (dict(question='2?', answer=2, split='validate'), 'row 2: split'), (dict(question=' 1 +  1?', answer=3), 'rows 1 and 2: one question has the answers 2 and 3'),
    (['2?', 2], 'row 2: .* has no named fields'), ('2?', 'row 2: .* has no named fields'), (None, 'row 2: None has no named fields'), (dict(question={'stem': ['2?']}, answer=2), 'row 2: the question is')]


@pytest.mark.parametrize('row, message', REFUSED, ids=[f'{i}' for i in range(len(REFUSED))])
@pytest.mark.parametrize('form', ['rows.jsonl', 'rows.json'])
def test_what_cannot_be_used_is_named_by_its_row(row, message, form, desk):
    put(desk/form, (json.dumps([ROW, row]) if form.endswith('json') else f'{json.dumps(ROW)}\n\n{json.dumps(row)}\n').encode())
    with pytest.raises(InputError, match=message): load_questions(desk/form, KINDS['number'])


TABLES = [('"2?,2\n', 'row 2: unexpected end'), ('"2" or 3?,2\n', 'row 2'), ('2?\n', 'row 2: not as many cells'), ('2?,2,3\n', 'row 2: not as many cells'), (',2\n', 'row 2: the question is'),
          ('2?,\n', 'row 2: the answer reads'), ('\n\n2?,\n', 'row 2: the answer reads'), ('2?,two\n', 'row 2: the answer reads'), ('2\x00?,2\n', 'row 2 holds'), ('1 + 1?,3\n', 'rows 1 and 2')]


@pytest.mark.parametrize('line, message', TABLES, ids=[f'{i}' for i in range(len(TABLES))])
@pytest.mark.parametrize('sign', ',;\t|')
def test_rows_of_a_table_count_from_1_too(line, message, sign, desk):
    with pytest.raises(InputError, match=message): load_questions(put(desk/'t.csv', f'question,answer\n1 + 1?,2\n{line}'.replace(',', sign).encode()), KINDS['number'])


def test_a_column_that_stands_twice_and_a_file_without_rows(desk):
    with pytest.raises(InputError, match="column 'answer' stands twice"): read_rows(put(desk/'t.csv', b'question,answer,answer\n1?,1,2\n'))
    for content in (b'', b'\n \n', b'question,answer\n', b'[]', b'\xef\xbb\xbf'):
        with pytest.raises(InputError): load_questions(put(desk/'t', content))


def test_a_cell_of_any_length(desk):
    long = 'word '*60_000
    assert load_questions(put(desk/'long.csv', f'question,answer\n{long},1\n2?,2\n3?,3\n'.encode())).questions[0].question == long.strip()


def test_choices_without_options_are_refused(desk):
    for row in (dict(question='Where?', answer='B'), dict(question='Vitamin A. or so?', answer='A')):
        with pytest.raises(InputError, match='row 1: .* shows no options.*--choices-column'): load_questions(asked(desk, row), KINDS['choice'])
        with pytest.raises(InputError, match='row 1: .* shows no options'): load_questions(asked(desk, row))
        with pytest.raises(InputError, match='No train question is left'): load_questions(asked(desk, row), KINDS['text'])  # the only one became test
    for options in ('sea', ['sea'], 3, [None, 'sea'], dict(text=['a', 'b'], label=['A']), [['a'], ['b']], dict(A='sea'), {'text': 'sea'}, ['x']*27, [{'label': 'A'}, {'text': 'b'}]):
        with pytest.raises(InputError, match='row 1: the options are'): load_questions(asked(desk, dict(question='Where?', choices=options, answer='B')))
    for gold in ('C', 2, -1, 'sky', None, '', 'A or B', 2.5, '9', True):
        with pytest.raises(InputError, match='row 1: the answer'): load_questions(asked(desk, dict(question='Where?', choices=['a shoe', 'the sea'], answer=gold)))


def test_conflicts_are_dropped_when_told(desk):
    path = asked(desk, *(dict(id=i, question=f'{i % 12}?', answer=i % 12 + (i == 13)) for i in range(15)))
    data = load_questions(path, conflicts='drop')
    assert '2 rows were dropped: 1 question(s) had different golds' in data.notes and len(data.questions) == 13 and {q.id for q in data.questions} == {str(i) for i in range(15)} - {'1', '13'}


def test_what_could_be_read_before_is_read_alike(desk):
    "Ids, golds and order of a plain file, with columns whose names now mean something."
    rows = [dict(question=f'{i} + 1?', answer=i + 1, ID=7, Split='x', Body='b', solution='s', options=[1]) for i in range(4)]
    data = load_questions(asked(desk, *rows, rows[0]), KINDS['number'])
    assert [(q.id, q.question, q.answer) for q in data.questions] == [
        ('7244e60cd135', '0 + 1?', '1'), ('21624375e849', '1 + 1?', '2'), ('3472b9676ed2', '2 + 1?', '3'), ('6908f89d4b62', '3 + 1?', '4'), ('7244e60cd135-1', '0 + 1?', '1')]


def test_one_file_is_questions_and_annotations(desk):
    from mentorkd.pipeline.inputs import load_data, teachers
    from mentorkd.pipeline.settings import settings
    for name, row in dict(plain=dict(question='1 + 1?', rationale='It is 1 + 1 = 2.', answer=2), gsm8k=dict(question='1 + 1?', answer='It is 1 + 1 = <<1+1=2>>2.\n#### 2')).items():
        s = settings(questions=str(asked(desk, row, *(dict(question=f'{i} + 2?', answer=i + 2) for i in range(9)))))
        assert list(teachers(s)[0]([q for q in load_data(s).questions if q.question == '1 + 1?'])) == [['It is 1 + 1 = 2. --> 2']], name
    with pytest.raises(InputError, match='--questions without a teacher'): teachers(settings(questions=str(asked(desk, dict(question='1?', answer=1)))))
    with pytest.raises(InputError, match='knows the arrow alone'): load_data(settings(questions=str(asked(desk, *(dict(question=f'{i}?', answer='sea') for i in range(9)))), extractor='reference', label_style='sentence'))


def test_predict_keeps_other_columns(desk, monkeypatch):
    from mentorkd.pipeline import predict as page
    class Student:
        kind = KINDS['choice']
        def __init__(self, path): pass
        def predict(self, questions, samples): return [page.Prediction('Fish.', 'B', 1., ('Fish. --> B',)) for _ in questions]
    monkeypatch.setattr(page, 'Student', Student)
    rows = [dict(STEM=1, question='Where do eels live?', choices=['a shoe', 'the sea'], answer=0, topic='fish', share=3), dict(question='Who?', when='2020')]
    assert page.predict('run', asked(desk, *rows), desk/'out.jsonl') == 2
    first, second = read_rows(desk/'out.jsonl')
    assert (first['question'], first['gold'], first['topic'], first['answer'], first['share'], first['STEM']) == (SHOWN, 0, 'fish', 'B', 1., 1)
    assert second['when'] == '2020' and 'gold' not in second
    pd.DataFrame(dict(Question=['Who?'], day=[pd.Timestamp('2020-02-01')])).to_parquet(desk/'days.parquet')
    page.predict('run', desk/'days.parquet', desk/'out.jsonl')
    assert read_rows(desk/'out.jsonl')[0]['day'].startswith('2020-02-01')


FAILURES = {errno.EACCES: 'cannot be written', errno.EROFS: 'cannot be written', errno.EPERM: 'cannot be written', errno.ENOSPC: 'No space left', errno.EDQUOT: 'No space left', errno.ENOTDIR: 'cannot be written'}


@pytest.mark.parametrize('number', FAILURES, ids=errno.errorcode.get)
def test_what_cannot_be_written_is_said(number, tmp_path, monkeypatch):
    def fails(*_, **__): raise OSError(number, os.strerror(number))
    for of, name in ((tempfile, 'mkdtemp'), (os, 'replace'), (Path, 'write_text')):
        with monkeypatch.context() as m:
            m.setattr(of, name, fails)
            with pytest.raises(InputError, match=FAILURES[number]) as e: write_jsonl(tmp_path/'rows.jsonl', [ROW])
        assert str(e.value).count('. ') >= 2 and not list(tmp_path.iterdir())
    with pytest.raises(InputError, match='cannot be written'):
        with atomic_path(put(tmp_path/'file', b'')/'below'): pass
    from mentorkd.pipeline.stages import RunFolder
    with pytest.raises(InputError, match='cannot be written'): RunFolder(tmp_path/'file'/'run', {})


def test_utf8_in_any_locale(tmp_path):
    work = "from mentorkd.tasks.records import *; write_jsonl('rows.jsonl', [dict(question='\\u00bd')]); assert read_rows('rows.jsonl')[0]['question'] == '\\u00bd'"
    env = os.environ | dict(LC_ALL='C', PYTHONUTF8='0', PYTHONCOERCECLOCALE='0')
    done = subprocess.run([sys.executable, '-c', work], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert '½' in (tmp_path/'rows.jsonl').read_bytes().decode()


CASES = Path(os.environ.get('MENTORKD_DATA', 'nowhere')).parent.parent/'cases'/'questions'
READ = dict(array='number', aqua='choice', gsm8k='number', mmlu_letter='choice', ok='number', semi='number', strategyqa='yesno')


@pytest.mark.skipif(not CASES.is_dir(), reason='no cases beside the released files')
def test_cases_from_the_field():
    files = {f.stem: f for f in CASES.iterdir()}
    assert {n: load_questions(files[n]).task.kind.name for n in READ} == READ
    assert all(a.rationale and '<<' not in a.rationale for a in read_asked(files['gsm8k']))
    for name, message in dict(list_text='row 1', conflict='rows 1 and 2', surrogate='row 1').items():
        with pytest.raises(InputError, match=message): load_questions(files[name], KINDS['text'] if name == 'list_text' else None)


def test_several_golds_are_accepted_where_asked(tmp_path):
    rows = [dict(question=f'Name a number next to {i}.', answer=[i - 1, i + 1], split='test' if i > 6 else 'train') for i in range(1, 9)]
    file = tmp_path/'q.jsonl'
    file.write_text('\n'.join(map(json.dumps, rows)))
    with pytest.raises(InputError, match='--any-of accepts each'): load_questions(file)
    found = load_questions(file, columns=Columns(any_of=True))
    assert found.task.kind.name == 'number' and [(q.answer, q.also) for q in found.questions[:2]] == [('0', ('2',)), ('1', ('3',))]
    table = tmp_path/'q.csv'
    table.write_text('question,answer\n' + '\n'.join(f'Next to {i}?,{i - 1}|{i + 1}' for i in range(1, 9)))
    assert load_questions(table, columns=Columns(any_of=True)).questions[0].also == ('2',)
    for wrong in ([], {'a': 1}, [None], ['x', 1]):
        file.write_text('\n'.join(json.dumps(r | dict(answer=wrong)) for r in rows))
        with pytest.raises(InputError, match='row 1'): load_questions(file, KINDS['number'], columns=Columns(any_of=True))
