"A study on a cluster of two nodes, one of which dies: the table of the study done here, no run lost, none doubled. And what is wrong with a study is said before anything is run."
import threading
import time

import pytest

from mentorkd.writers.attempts import ask
from mentorkd.writers.generators import ScriptedTeacher
from mentorkd.tasks.records import InputError, write_jsonl
from mentorkd.studies.study import run_study
from mentorkd.studies.study_files import read_study
from mentorkd.studies.tables import read_table, write_table
from mentorkd.tasks.tasks import load_task

STUDY = '''
study = 1
name = "cluster"
[base]
questions = "{0}/questions.jsonl"
answer_kind = "number"
annotations = "{0}/said.jsonl"
mentor = "tiny"
teacher_samples = 2
updates = 4
mentor_updates = 4
evals = 1
max_new_tokens = 6
[[factors]]
seed = [1, 2]
lam = [0.0, 0.3]
[[factors]]
lam = 0.0
student = "nowhere/model"
'''


@pytest.fixture(scope='module')
def file(tmp_path_factory):
    here, data = tmp_path_factory.mktemp('study'), load_task('chain_arithmetic')
    few = data.split('train')[:20] + data.split('dev')[:4] + data.split('test')[:10]
    write_jsonl(here/'questions.jsonl', few)
    write_jsonl(here/'said.jsonl', ask(ScriptedTeacher('chain_arithmetic'), few, data.task.kind, 'teacher', 2))
    (here/'cluster.toml').write_text(STUDY.format(here))
    return here/'cluster.toml'


@pytest.fixture(scope='module')
def local(file):
    return read_table(run_study(file, out=file.parent/'here')).rows


@pytest.fixture
def cluster(monkeypatch):
    pytest.importorskip('ray', reason='the extra mentorkd[ray] is not installed')
    from ray.cluster_utils import Cluster
    monkeypatch.setenv('OMP_NUM_THREADS', '1')
    cluster = Cluster(initialize_head=True, head_node_args=dict(num_cpus=1, include_dashboard=False))
    node = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    yield cluster, node
    cluster.shutdown()


def test_node_killed_in_the_middle(file, local, cluster):
    (cluster, node), out, killed = cluster, file.parent/'there', []

    def kill():
        "Without grace, while a student is trained."
        while not any((out/'store'/'.work').glob('student-*')): time.sleep(.01)
        cluster.remove_node(node, allow_graceful=False)
        killed.append([p.name for p in (out/'store').glob('student_test-*')])

    threading.Thread(target=kill, daemon=True).start()
    there = read_table(run_study(file, out=out, address=cluster.address)).rows
    runs = read_study(file).runs
    assert killed and len(killed[0]) < 4, 'the node was to die before the runs had ended'
    assert there.run.tolist() == [r.key for r in runs]
    assert there.error.notna().tolist() == [False]*4 + [True]
    measured = [c for c in local if not c.startswith(('seconds', 'digest_seconds'))]
    assert there[measured].to_csv() == local[measured].to_csv()
    assert sorted(p.name for p in (out/'runs').iterdir()) == sorted(r.key for r in runs)
    assert len(list((out/'store').glob('mentor-*'))) == 2 and len(list((out/'store').glob('student-*'))) == 4


SMALL = '''
study = 1
name = "small"
[[factors]]
lam = [0.0, 0.3]
seed = [1, 2]
'''


@pytest.mark.parametrize('old, new, said', [
    ('lam =', 'lambda =', 'No setting lambda.*Use lam'),
    ('seed = [1, 2]', 'method = ["mentor-kd", "mentor"]', "Method 'mentor' is not known"),
    ('seed = [1, 2]', 'seed = [1, 1]', 'Two runs with lam = 0.0, seed = 1'),
    ('seed = [1, 2]', 'seed = [1, 2]\n[[factors]]\nlam = 0.3\nseed = 2', 'Two runs with lam = 0.3, seed = 2'),
    ('study = 1', 'study = 2', 'says study = 2. This version reads study files of form 1'),
    ('study = 1\n', '', 'says study = None'),
    ('[[factors]]', '[[factor]]', 'factor. It would have no effect')])
def test_a_study_that_is_wrong(old, new, said, tmp_path):
    (tmp_path/'small.toml').write_text(SMALL.replace(old, new))
    with pytest.raises(InputError, match=said): read_study(tmp_path/'small.toml')


@pytest.mark.parametrize('file, old, new, said', [('t.csv', '0.5', '0.6', 't.csv is not as it was written'), ('t.csv', 'b,2', 'c,2', 't.csv is not as it was written'), ('t.marks.csv', '10', '11', 'the marks of a are not as they were written')])
def test_a_table_that_was_edited(file, old, new, said, tmp_path):
    write_table(tmp_path/'t.csv', [dict(run='a', seed=1, student_accuracy=.5), dict(run='b', seed=2, student_accuracy=1.)], [[dict(part='student', questions='q', ok=ok)] for ok in ('10', '11')])
    read_table(tmp_path/'t.csv')
    text = (tmp_path/file).read_text()
    assert old in text
    (tmp_path/file).write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=said): read_table(tmp_path/'t.csv')


def test_settings_over_a_file(tmp_path):
    (tmp_path/'small.toml').write_text(SMALL)
    plain, same, large = (read_study(tmp_path/'small.toml', *given) for given in ((), ({}, {}), (dict(preset='small'), dict(lam={.3: .4}))))
    assert [r.key for r in plain.runs] == [r.key for r in same.runs] and plain.name == same.name != large.name
    assert {r.settings.student for r in large.runs} == {'google/flan-t5-small'} and [r.settings.lam for r in large.runs] == [0., 0., .4, .4]
    with pytest.raises(InputError, match='lam is a factor of the file'): read_study(tmp_path/'small.toml', dict(lam=.2))
    with pytest.raises(InputError, match='no level lam = 0.5'): read_study(tmp_path/'small.toml', levels=dict(lam={.5: .6}))
