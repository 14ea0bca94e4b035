"Every command of the README is run as it stands there, in its order, on inputs of the form that it describes; options behind it make the work small."
import json
import os
import re
import shlex
from pathlib import Path

import pytest

from mentorkd.tasks.tasks import PAPER

pytest.importorskip('aiohttp')
from test_command_line import tried, write  # noqa: E402
from test_teacher import server  # noqa: E402, F401

ROOT = Path(__file__).resolve().parent.parent
LINES = re.findall(r'^    ((?:MENTORKD_DATA=\S+ )?(?:\.venv/bin/)?mentorkd .*)', (ROOT/'README.md').read_text(), re.M)
RELEASED = [l for l in LINES if re.search(f"run .*--task ({'|'.join(PAPER)})", l)]  # on data sets of the paper
FEW = '--updates 2 --mentor-updates 2 --epochs 0 --mentor-epochs 0 --evals 1 --max-new-tokens 8'
SMALL = {  # What stands behind a command here: the first entry that fits it
    r'mentorkd run .*--preset small': f'{FEW} --mentor mini --student tiny --write-batch 8',  # instead of FlanT5
    r'mentorkd run': FEW,
    r'mentorkd search': f'{FEW} --trials 1',
    r'mentorkd study': '--dry-run',
    r'mentorkd advise': '--seeds 2'}
STUDY = '''study = 1
name = "methods"
[base]
questions = "my.csv"
answer_kind = "number"
annotations = "rationales.csv"
updates = 2
evals = 1
max_new_tokens = 6
[[factors]]
method = ["vanilla-kd", "answer-only"]
seed = [1]
'''  # in the place of the repository's, which takes hours
DATA = os.environ.get('MENTORKD_DATA')


@pytest.fixture(scope='module')
def desk(tmp_path_factory):
    "What the README's commands read: one's own tables, others' rationales, two runs, the repository's study files."
    from mentorkd.tasks import tasks
    before, cwd, here = dict(tasks.SIZES), os.getcwd(), tmp_path_factory.mktemp('readme')
    tasks.SIZES.update(train=12, dev=6, test=12); os.chdir(here)
    own = [dict(question=f'What is {i} + 5 - {i}?', answer=5) for i in range(30)]
    (here/'my.csv').write_text('question,answer\n' + ''.join(f"{r['question']},{r['answer']}\n" for r in own))
    (here/'rationales.csv').write_text('question,rationale,answer\n' + ''.join(f"{r['question']},Adding and taking away leaves 5.,5\n" for r in own))
    (here/'new.csv').write_text('question\nWhat is 40 + 5 - 40?\n')
    write(here/'others.jsonl', [dict(question=r['question'], rationale='It stays 5.', answer=5) for r in own])
    write(here/'texts.jsonl', [dict(text='2 + 2 = 4. --> 4', gold='4')])
    (here/'nbs/analysis').mkdir(parents=True); (here/'nbs/analysis/methods.toml').write_text(STUDY)
    if DATA:
        (here/'path/to').mkdir(parents=True)
        for name, folder in dict(data=Path(DATA), **{'mcc-kd': Path(DATA).parent/'mcc-kd'}).items(): (here/'path/to'/name).symlink_to(folder)
    for run, lam in (('one', '.3'), ('other', '.1')): tried('run', '--task', 'last_letters', *FEW.split(), '--lam', lam, '--out', f'runs/{run}')
    yield here
    tasks.SIZES.clear(); tasks.SIZES.update(before); os.chdir(cwd)


def test_there_are_commands():
    assert all((ROOT/w).is_file() for l in LINES for w in shlex.split(l, comments=True) if w.endswith('.toml'))
    assert len(LINES) > 15 and len({shlex.split(l, comments=True)[1] for l in LINES}) > 10


def done(line):
    "Run a line of the README."
    words = shlex.split(line, comments=True)
    if words[0].startswith('MENTORKD_DATA='): words.pop(0)
    more = next((m for pattern, m in SMALL.items() if re.match(pattern, ' '.join(words).removeprefix('.venv/bin/'))), '')
    code, out, err = tried(*words[1:], *more.split())
    assert (code, bool(out.strip())) == (0, True), f'{line}\n{out}\n{err}'


def test_every_command_runs(desk, server, monkeypatch):  # noqa: F811
    from mentorkd.studies import bench
    kept = json.loads((ROOT/'nbs'/'analysis'/'speed.json').read_text())
    monkeypatch.setattr(bench, 'bench', lambda *words, **given: kept)  # which measures for minutes; its own page does it in small
    monkeypatch.setenv('OPENAI_BASE_URL', f'{server()}/v1'); monkeypatch.setenv('OPENAI_API_KEY', 'none')
    for line in LINES:
        if line not in RELEASED: done(line)


@pytest.mark.skipif(not DATA, reason='MENTORKD_DATA names no folder of released data')
@pytest.mark.parametrize('line', RELEASED)
def test_every_command_on_released_data_runs(line, desk, monkeypatch):
    assert line.startswith('mentorkd') or line.startswith('MENTORKD_DATA=path/to/data ')
    monkeypatch.setenv('MENTORKD_DATA', 'path/to/data')
    done(line)


@pytest.mark.parametrize('more', [[], ['--json']])
def test_the_teacher_has_not_seen_the_test_questions(desk, server, monkeypatch, more):  # noqa: F811
    "Annotations of train questions alone, as `annotate` writes them: no accuracy of the teacher, and all else as always."
    monkeypatch.setenv('OPENAI_BASE_URL', f'{server()}/v1'); monkeypatch.setenv('OPENAI_API_KEY', 'none')
    own = ['--questions', 'my.csv', '--answer-kind', 'number']
    assert tried('annotate', *own, '--teacher', 'openai:gpt-4o-mini', '--n', '1', '--max-usd', '5', '--out', 'of_train')[0] == 0
    code, out, err = tried('run', *own, '--annotations', 'of_train', *FEW.split(), '--out', 'runs/taught', *more)
    assert code == 0, err
    assert json.loads(out)['teacher']['accuracy'] is None if more else re.search(r'Teacher +–', out)
    assert tried('report', 'runs/taught', *more)[0] == 0 and tried('report', 'runs/taught', 'runs/one', *more)[0] == 0
    assert json.loads(Path('runs/taught/report.json').read_text())['student']['n'] > 0


def test_a_missing_rationale_is_left_out_and_named(desk):
    "Whatever stands where a rationale should: null, NaN, nothing, a list."
    rows = [r.split(',') for r in Path('my.csv').read_text().splitlines()[1:]]
    holes = [None, float('nan'), '', ['First.', 'Then.']]
    write(Path('holes.jsonl'), [dict(question=q, rationale=r, answer=5) for q, a in rows for r in (holes[int(q[8]) % 4], 'It stays 5.')])
    code, out, err = tried('run', '--questions', 'my.csv', '--answer-kind', 'number', '--annotations', 'holes.jsonl', *FEW.split(), '--out', 'runs/holes')
    assert code == 0 and '30 annotation rows have no rationale' in ' '.join(out.split()), out + err
    said = [json.loads(line) for line in Path('runs/holes/teacher.jsonl').read_text().splitlines()]
    assert {a['rationale'] for a in said} == {'It stays 5.'}
