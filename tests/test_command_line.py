"The installed command: exit codes, messages, nothing half-written."
import contextlib
import io
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mentorkd.cli.cli import parser
from mentorkd.studies.study_files import read_study

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
    assert [l.split(':')[0] for l in done.stdout.splitlines() if ': …' in l] == ['student', 'student_test']
    assert 'student: … again, for settings, questions or code have changed' in done.stdout


def test_predict_and_mark(finished, tmp_path):
    q = write(tmp_path/'q.jsonl', [dict(id='a', question='Take the last letters of the words in Dale Jugu and concatenate them.')])
    assert mentorkd('predict', finished, q, '--out', tmp_path/'p.jsonl', '--samples', 3, cwd=tmp_path).returncode == 0
    row = json.loads((tmp_path/'p.jsonl').read_text())
    assert row['id'] == 'a' and {'rationale', 'answer', 'share'} <= set(row)
    texts = write(tmp_path/'t.jsonl', [dict(text='2 + 2 = 4. --> 4.0', gold='4', extra=1)])
    assert mentorkd('mark', '--task', 'svamp', texts, '--out', tmp_path/'m.jsonl', cwd=tmp_path).returncode == 0
    assert json.loads((tmp_path/'m.jsonl').read_text()) == dict(text='2 + 2 = 4. --> 4.0', gold='4', extra=1, answer='4', ok=True)


def test_doctor_counts_and_says_so_in_its_status(tmp_path):
    q = write(tmp_path/'q.jsonl', [dict(question=f'{i} + 1?', answer=i + 1, split='test' if i > 5 else 'train') for i in range(8)] + [dict(question='0 + 1?', answer=2)])
    code, out, err = tried('doctor', '--questions', q, '--json')
    found = {f['check']: f['count'] for f in json.loads(out)['found']}
    assert code == 0 and found['the same question twice, two golds'] == 1 and found['rows that cannot be used'] == 0
    assert tried('doctor', '--questions', q, '--strict')[0] == 1
    assert tried('doctor', '--questions', tmp_path/'nowhere.csv')[0] == 2


def test_a_console_without_greek_gets_words(tmp_path, monkeypatch):
    monkeypatch.setenv('PYTHONIOENCODING', 'ascii')
    done = mentorkd('methods', cwd=tmp_path)
    assert done.returncode == 0 and 'lambda = 1' in done.stdout, done.stderr


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
    'seed': (['--seed', '-1'], OWN, 'seed = -1'),
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


def test_methods_and_behaviours_have_folders_of_their_own_unless_that_is_paid_for_again():
    from mentorkd.pipeline.settings import run_folder, settings
    name = lambda **given: run_folder(settings(**given)).name
    assert name() == 'chain_arithmetic-tiny-s1'
    assert name(method='mcc-kd', behaviour='paper', seed=2) == 'chain_arithmetic-tiny-paper-mcc-kd-s2'
    assert name(method='mcc-kd', teacher='openai:m') == name(teacher='openai:m') == name()


def test_a_method_that_these_rationales_cannot_serve_is_refused_before_a_mentor_is_trained(tmp_path):
    from mentorkd.pipeline.pipeline import run
    from mentorkd.tasks.records import InputError
    write(tmp_path/'q.jsonl', OWN)
    write(tmp_path/'said.jsonl', [dict(question=r['question'], rationale='One more.', answer=r['answer']) for r in OWN])
    with pytest.raises(InputError, match='0 of 14 questions have two rationales that differ'): run(questions=str(tmp_path/'q.jsonl'), answer_kind='number', annotations=str(tmp_path/'said.jsonl'), method='mcc-kd', updates=2, mentor_updates=2, out=tmp_path/'out', say=lambda line: None)
    assert not (tmp_path/'out'/'mentor').exists()


def test_a_dry_run_with_failures_has_exit_code_1(desk):
    (desk/'broken.toml').write_text(STUDY.replace('[[factors]]', '[[factors]]\naugmentations = "nowhere.jsonl"\n[[factors]]').replace('"two"', '"broken"').split('[contrasts')[0])
    code, out, _ = tried('study', 'broken.toml', '--dry-run')
    assert (code, '3 runs, 2 went through all stages' in out) == (1, True), out
    code, out, _ = tried('study', 'broken.toml', '--dry-run', '--json')
    assert (code, json.loads(out)['failed']) == (1, 1)


def test_a_search_refuses_a_method_before_it_tries_another(desk):
    code, out, err = tried('search', *SMALL, '--methods', 'vanilla-kd,foo', '--trials', '1', '--out', 'none')
    assert (code, "'foo' is not known" in err, (desk/'none').exists()) == (2, True, False)


# What is printed: on small inputs, in this process, so that torch is loaded once
STUDY = """study = 1
name = "two"
[base]
task = "last_letters"
updates = 2
mentor_updates = 2
evals = 1
teacher_samples = 3
max_new_tokens = 8
[[factors]]
lam = [0.0, 0.3]
[contrasts.soft-labels]
first = { lam = 0.3 }
second = { lam = 0.0 }
of_interest = 0.02
"""
CONTRAST = """[contrasts.other]
first = { lam = 0.0, student = "tiny" }
second = { student = "nowhere/one" }
of_interest = 0.02
"""


@pytest.fixture(scope='module')
def desk(tmp_path_factory):
    "A folder with a little of everything, and questions few enough for tests."
    from mentorkd.tasks import tasks
    before, cwd, here = dict(tasks.SIZES), os.getcwd(), tmp_path_factory.mktemp('desk')
    tasks.SIZES.update(train=12, dev=6, test=12); os.chdir(here)
    write(here/'q.jsonl', [dict(question=f'What is {i} + 2?', answer=i + 2, split='train') for i in range(4)])
    write(here/'said.jsonl', [dict(question='What is 3 + 2?', rationale='3 + 2 = 5.', answer=5)])
    write(here/'texts.jsonl', [dict(text='2 + 2 = 4. --> 4', gold='4')])
    (here/'two.toml').write_text(STUDY)
    tried('run', *SMALL, '--out', 'one'); tried('run', *SMALL, '--lam', '.1', '--out', 'other')
    yield here
    tasks.SIZES.update(before); os.chdir(cwd)


def tried(*words):
    "Exit code, stdout and stderr of a command in this process."
    from mentorkd.cli.cli import main
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try: main(list(map(str, words)))
        except SystemExit as e: code = e.code
    return code, out.getvalue(), err.getvalue()


SMALL = '--task last_letters --updates 2 --mentor-updates 2 --evals 1 --teacher-samples 3 --max-new-tokens 8'.split()
OWN_QUESTIONS = '--questions q.jsonl --answer-kind number'.split()
PRINTING = {
    'run': ['run', *SMALL, '--out', 'one'],
    'predict': 'predict one q.jsonl --out answers.jsonl'.split(),
    'mark': 'mark --answer-kind number texts.jsonl --out marked.jsonl'.split(),
    'doctor': ['doctor', *OWN_QUESTIONS, '--annotations', 'said.jsonl', '--model', 'tiny'],
    'report': ['report', 'one'],
    'report of two': ['report', 'one', 'other', '--out', 'both.html'],
    'tasks': ['tasks'],
    'methods': ['methods'],
    'annotate': ['annotate', *OWN_QUESTIONS, '--teacher', 'openai:m', '--n', '1', '--price-read', '1', '--price-written', '2', '--out', 'paid'],
    'quote': ['quote', *OWN_QUESTIONS, '--teacher', 'openai:gpt-4o-mini'],
    'import-annotations': ['import-annotations', 'said.jsonl', *OWN_QUESTIONS, '--out', 'imported'],
    'search': ['search', *SMALL, '--methods', 'vanilla-kd', '--trials', '2', '--space', 'lr=5e-4,1e-3'],
    'study': 'study two.toml --out two'.split(),
    'advise': 'advise one --seeds 2'.split(),
    'plan': 'plan --student tiny --mentor mini'.split(),
    'plan of a study': 'plan two.toml'.split(),
}


def test_every_command_is_tried():
    from mentorkd.cli.cli import COMMANDS
    assert {w[0] for w in PRINTING.values()} == set(COMMANDS) - {'bench', 'completion'}  # minutes a round; a script for a shell


@pytest.mark.parametrize('name', PRINTING)
def test_fits_80_columns_and_speaks_json(name, desk, endpoint, monkeypatch):
    monkeypatch.setenv('COLUMNS', '80'); monkeypatch.setenv('TERM', 'dumb')
    code, out, err = tried(*PRINTING[name])
    assert code == 0, err
    wide = [l for l in out.splitlines() if len(l) > 80 and ' ' in l.strip()]  # a path is not broken
    assert out.strip() and not wide, wide
    assert '\r' not in out + err
    code, out, err = tried(*PRINTING[name], '--json')
    assert code == 0, err
    data = json.loads(out)  # one document and nothing else
    assert data, data


@pytest.fixture
def endpoint(monkeypatch):
    "A server that answers 5 to everything."
    class Says(BaseHTTPRequestHandler):
        def log_message(self, *words): pass
        def do_POST(self):
            self.rfile.read(int(self.headers['content-length']))
            text = json.dumps(dict(id='1', object='chat.completion', created=0, model='m', usage=dict(prompt_tokens=9, completion_tokens=1, total_tokens=10), choices=[dict(index=0, finish_reason='stop', message=dict(role='assistant', content='5'))])).encode()
            self.send_response(200); self.send_header('content-type', 'application/json'); self.send_header('content-length', str(len(text))); self.end_headers(); self.wfile.write(text)
    server = ThreadingHTTPServer(('127.0.0.1', 0), Says)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv('OPENAI_BASE_URL', f'http://127.0.0.1:{server.server_port}/v1'); monkeypatch.setenv('OPENAI_API_KEY', 'none')
    yield
    server.shutdown()


def test_bench_fits_80_columns_and_speaks_json(monkeypatch):
    from mentorkd.studies import bench
    kept = json.loads((Path(__file__).parent.parent/'nbs'/'analysis'/'speed.json').read_text())
    monkeypatch.setattr(bench, 'bench', lambda *words, **given: kept); monkeypatch.setenv('COLUMNS', '80')
    assert not [l for l in tried('bench')[1].splitlines() if len(l) > 80]
    assert json.loads(tried('bench', '--json')[1]) == kept


def test_help_is_complete_and_fits(monkeypatch):
    from mentorkd.cli.cli import COMMANDS, parser
    monkeypatch.setenv('COLUMNS', '80')
    commands = parser()._subparsers._group_actions[0].choices
    assert set(commands) == set(COMMANDS)
    for p in (parser(), *commands.values()):
        assert not [l for l in p.format_help().splitlines() if len(l) > 80]
        assert p.description
    assert all(a.help for p in commands.values() for a in p._actions)
    assert 'exit codes' in parser().format_help()


def test_exit_codes(desk):
    assert tried('run', '--lamm', '.3')[0] == 2
    code, out, err = tried('run', '--task', 'gsm9k', '--json')
    assert (code, out) == (2, '') and 'is not known' in err
    (desk/'broken.toml').write_text(STUDY.replace('lam = [0.0, 0.3]', 'student = ["nowhere/one", "nowhere/two"]').split('[contrasts')[0])
    code, out, err = tried('study', 'broken.toml', '--out', 'broken')
    assert code == 1 and out.startswith('2 runs, 2 failed'), (out, err)
    logs = [f'broken/logs/{r.key}.txt' for r in read_study('broken.toml').runs]
    assert all('1 failed: InputError: ' in said and 'nowhere/' in said and log in said for said, log in zip(out.replace('\n    ', '').split('\n')[1:3], logs))
    assert all(Path(log).is_file() for log in logs)


def test_a_failed_run_leaves_the_other_contrasts(desk):
    "Marks of one cell are missing: its contrast is named, the other is answered as before."
    (desk/'three.toml').write_text(STUDY.replace('[contrasts', '[[factors]]\nlam = 0.5\nstudent = "nowhere/one"\n[contrasts') + CONTRAST)
    code, out, err = tried('study', 'three.toml', '--out', 'three', '--json')
    told = json.loads(out)
    assert (code, told['failed'], [a['name'] for a in told['answers']]) == (1, 1, ['soft-labels']), (out, err)
    code, out, _ = tried('study', 'three.toml', '--out', 'three')
    assert 'not answered, for runs of it failed: other' in out


def test_interrupted_is_130(tmp_path):
    code = "import mentorkd.cli.cli as c\ndef stop(): raise KeyboardInterrupt\nc.COMMANDS['tasks'] = stop; c.main(['tasks'])"
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, 'stopped' in done.stderr) == (130, '', True)


def test_head_of_it(tmp_path):
    for words in (['tasks'], ['--help'], ['run', '--help']):
        reads, writes = os.pipe(); os.close(reads)
        with open(writes, 'w') as nobody: gone = subprocess.run([COMMAND, *words], stdout=nobody, stderr=subprocess.PIPE, text=True)
        assert gone.returncode in (0, 141) and gone.stderr == '', (words, gone.returncode, gone.stderr)  # argparse is quiet itself
