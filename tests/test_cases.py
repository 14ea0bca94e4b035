"What people bring: answers, annotations and logs after public bug reports, each with what may be read."
import json
import os
from pathlib import Path

import pytest

from mentorkd.tasks.answers import KINDS, lenient, normalise, strict
from mentorkd.tasks.records import InputError, Question, read_rows
from mentorkd.teacher.import_annotations import import_annotations
from mentorkd.teacher.journal import recording
from mentorkd.writers.attempts import ask, draw, examples

CASES = Path(os.environ.get('MENTORKD_DATA', '.')).resolve().parent.parent/'cases'
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason='no cases from the field beside the data')
ANSWERS = [json.loads(line) for line in (CASES/'answers.jsonl').read_text(encoding='utf-8').splitlines()] if CASES.is_dir() else []
number = KINDS['number']


@pytest.mark.parametrize('case', ANSWERS, ids=lambda c: c['text'][-40:])
def test_the_whole_answer_or_none(case):
    kind = KINDS[case['kind']]
    gold, found, plainly = normalise(case['gold'], kind) or case['gold'], lenient(case['text'], kind).answer, strict(case['text'], kind).answer
    assert found in {'right': (gold,), 'right-or-none': (gold, None), 'none': (None,)}[case['lenient']]
    assert plainly in (found, None)


@pytest.fixture
def questions():
    return [Question(f'q{i}', r['question'], r['answer']) for i, r in enumerate(read_rows(CASES/'annotations'/'q.csv'))]


@pytest.mark.parametrize('file', ('a_null', 'a_nan', 'a_list'))
def test_what_is_no_text_is_never_made_one(file):
    with pytest.raises(InputError, match='has a rationale that is a text'): recording(CASES/'annotations'/f'{file}.jsonl')


def test_thinking_is_taken_off_and_kept_apart(questions):
    said = ask(recording(CASES/'annotations'/'a_think.jsonl'), questions, number, 'teacher', 1)
    assert said and all(a.ok and a.thinking and 'think>' not in a.text for a in said)
    assert not any('Hmm' in e.label or 'think' in e.label for e in examples(draw(said, 3), questions))


@pytest.mark.parametrize('file', ('messages.jsonl', 'openr1.jsonl', 'batch_out.jsonl', 'curator_dict.jsonl', 'inspect_content.json', 'rat.csv'))
def test_logs_of_others_are_read(file, questions, tmp_path):
    done = import_annotations([CASES/'imports'/file], questions, number, tmp_path, 'lenient')
    assert done.report['attempts'] == done.report['correct'] >= 2 and not done.report['strangers']
    assert 'hm' not in ' '.join(a.text for a in done.attempts)


def test_an_answer_that_was_only_thought_of_does_not_count(questions, tmp_path):
    done = import_annotations([CASES/'imports'/'think_wrong.jsonl'], questions, number, tmp_path, 'lenient')
    assert [(a.answer, a.thinking[-20:]) for a in done.attempts] == [('12', '7? No, she lost one.')]
