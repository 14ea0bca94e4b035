"A study on a cluster of two nodes, one of which dies: the table of the study done here, no run lost, none doubled."
import threading
import time

import pytest

from mentorkd.attempts import ask
from mentorkd.generators import ScriptedTeacher
from mentorkd.records import write_jsonl
from mentorkd.study import read_study, run_study
from mentorkd.tables import read_table
from mentorkd.tasks import load_task

ray = pytest.importorskip('ray', reason='the extra mentorkd[ray] is not installed')
from ray.cluster_utils import Cluster  # noqa: E402

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
