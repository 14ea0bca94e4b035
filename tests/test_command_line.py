"The installed command: exit codes, messages, nothing half-written."
import json
import subprocess
import sys
from pathlib import Path

import pytest

QUICK = '--updates 6 --mentor-updates 6 --evals 1 --teacher-samples 3 --max-new-tokens 48'.split()
COMMAND = Path(sys.executable).parent/'mentorkd'


def mentorkd(*words, cwd):
    return subprocess.run([COMMAND, *map(str, words)], cwd=cwd, capture_output=True, text=True)


def write(path, rows):
    path.write_text(''.join(json.dumps(r) + '\n' for r in rows))
    return path


@pytest.fixture(scope='module')
def finished(tmp_path_factory):
    here = tmp_path_factory.mktemp('run')
    done = mentorkd('run', '--task', 'last_letters', *QUICK, cwd=here)
    assert done.returncode == 0, done.stderr
    return here/'runs'/'last_letters-tiny-s1'


def test_run_writes_what_others_rely_on(finished):
    report = json.loads((finished/'report.json').read_text())
    for who in ('teacher', 'mentor', 'vanilla', 'student'):
        assert set(report[who]) == {'accuracy', 'correct', 'n', 'ci95'} and report[who]['n'] == 500
    assert 0 <= report['p_value'] <= 1
    assert all(isinstance(s, (int, float)) for s in report['seconds'].values())
    assert report['settings']['seed'] == 1
    assert not (finished/'.work').exists()


def test_no_question_is_lost(finished):
    asked = [json.loads(l) for l in (finished/'questions.jsonl').read_text().splitlines()]
    for file, split, n in (('teacher', 'train', 3), ('mentor', 'train', 3), ('student', 'test', 1), ('vanilla', 'test', 1)):
        ids = [json.loads(l)['id'] for l in (finished/f'{file}.jsonl').read_text().splitlines()]
        assert ids == [q['id'] for q in asked if q['split'] == split for _ in range(n)]


def test_another_lambda_makes_the_student_again_and_no_more(finished):
    done = mentorkd('run', '--task', 'last_letters', *QUICK, '--lam', .1, cwd=finished.parent.parent)
    assert [l.split(':')[0] for l in done.stdout.splitlines() if l.endswith(': …')] == ['student', 'student_test']


def test_predict_and_mark(finished, tmp_path):
    q = write(tmp_path/'q.jsonl', [dict(id='a', question='Take the last letters of the words in Dale Jugu and concatenate them.')])
    assert mentorkd('predict', finished, q, '--out', tmp_path/'p.jsonl', '--samples', 3, cwd=tmp_path).returncode == 0
    row = json.loads((tmp_path/'p.jsonl').read_text())
    assert row['id'] == 'a' and {'rationale', 'answer', 'share'} <= set(row)
    texts = write(tmp_path/'t.jsonl', [dict(text='2 + 2 = 4. --> 4.0', gold='4', extra=1)])
    assert mentorkd('mark', '--task', 'svamp', texts, '--out', tmp_path/'m.jsonl', cwd=tmp_path).returncode == 0
    assert json.loads((tmp_path/'m.jsonl').read_text()) == dict(text='2 + 2 = 4. --> 4.0', gold='4', extra=1, answer='4', ok=True)


OWN = [dict(question=f'{i} + 1?', answer=i + 1) for i in range(20)]
BAD = {
    'unknown task': (['--task', 'gsm9k'], None, 'is not known'),
    'missing column': ([], [dict(question='1?')], 'no field answer'),
    'duplicate ids': ([], [dict(r, id=1) for r in OWN], "id '1' stands 20 times"),
    'empty file': ([], [], 'is empty'),
    'unreadable answer': ([], [dict(question='1?', answer='one')], 'not a number answer'),
    'gold not among choices': (['--answer-kind', 'choice'], [dict(question='Which? (A) x (B) y', answer='C')], 'choice among A, B'),
    'train and test': ([], [*OWN, dict(OWN[0], split='test')], 'in train and in test'),
    'unknown kind': (['--answer-kind', 'float'], OWN, "'float' is not known"),
    'lambda': (['--lam', '1.2'], OWN, 'between 0 and 1'),
    'tau': (['--tau', '0'], OWN, 'above 0'),
    'nothing correct': ([], OWN, 'No correct annotation is left'),
}


@pytest.mark.parametrize('case', BAD)
def test_bad_input_is_one_message_and_exit_code_2(case, tmp_path):
    words, rows, message = BAD[case]
    if rows is not None:
        said = write(tmp_path/'said.jsonl', [dict(question=r['question'], rationale='?', answer=99) for r in rows] or [dict(question='?', rationale='?', answer=1)])
        words = ['--questions', write(tmp_path/'q.jsonl', rows), '--annotations', said, *(['--answer-kind', 'number'] if '--answer-kind' not in words else []), *words]
    done = mentorkd('run', *words, '--out', tmp_path/'out', cwd=tmp_path)
    assert (done.returncode, message in done.stderr, done.stdout) == (2, True, ''), done.stderr
    assert not (tmp_path/'out').exists()


def test_not_utf8_not_json_not_there(tmp_path):
    (tmp_path/'latin.jsonl').write_bytes('{"question": "é?", "answer": 1}'.encode('latin-1'))
    (tmp_path/'torn.jsonl').write_text('{"question": "1?", "ans')
    for name, message in (('latin', 'not UTF-8'), ('torn', 'line 1: not JSON'), ('none', 'No file at')):
        done = mentorkd('run', '--questions', f'{name}.jsonl', '--answer-kind', 'number', '--annotations', 'x', '--out', 'out', cwd=tmp_path)
        assert (done.returncode, message in done.stderr) == (2, True), done.stderr
    assert not (tmp_path/'out').exists()


def test_a_folder_of_another_run_is_refused(finished):
    done = mentorkd('run', '--task', 'last_letters', '--seed', 2, '--out', finished, cwd=finished.parent.parent)
    assert (done.returncode, 'holds another run (seed 1)' in done.stderr) == (2, True)
