"A study on a cluster of two nodes, one of which dies: the table of the study done here, no run lost, none doubled."
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from mentorkd.records import InputError
from mentorkd.study import digests, perform, read_study, read_table, run_study

ray = pytest.importorskip('ray', reason='the extra mentorkd[ray] is not installed')
from ray.cluster_utils import Cluster  # noqa: E402

STUDY = '''
study = 1
name = "cluster"
[base]
updates = 4
mentor_updates = 4
evals = 1
max_new_tokens = 6
[[factors]]
seed = [1, 2]
lam = [0.0, 0.3, 0.6]
[[factors]]
student = "nowhere/model"
'''


@pytest.fixture(scope='module')
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp('study')/'cluster.toml'
    path.write_text(STUDY)
    return path


@pytest.fixture(scope='module')
def local(file):
    return read_table(run_study(file, out=file.parent/'local')).rows


@pytest.fixture
def cluster(monkeypatch):
    monkeypatch.setenv('OMP_NUM_THREADS', '1')
    cluster = Cluster(initialize_head=True, head_node_args=dict(num_cpus=1, include_dashboard=False))
    other = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    yield cluster, other
    ray.shutdown()
    cluster.shutdown()


def kill_soon(cluster, node, out):
    "Take a node away without grace, once runs of both nodes are under way."
    def act():
        while not any(p.name.startswith('student-') for p in (out/'store').glob('*')): time.sleep(.05)
        cluster.remove_node(node, allow_graceful=False)
        killed.append(time.time())
    killed = []
    threading.Thread(target=act, daemon=True).start()
    return killed


def test_node_killed_in_the_middle(file, local, cluster):
    cluster, other = cluster
    out = file.parent/'there'
    killed = kill_soon(cluster, other, out)
    there = read_table(run_study(file, out=out, address=cluster.address)).rows
    study = read_study(file)
    assert killed, 'no node was killed while the study ran'
    assert len([n for n in ray.nodes() if n['Alive']] if ray.is_initialized() else [1]) == 1
    assert there.run.tolist() == [r.key for r in study.runs] == local.run.tolist()
    measured = [c for c in local if not c.startswith(('seconds', 'digest_seconds'))]
    assert there[measured].astype(str).equals(local[measured].astype(str))
    assert there.digest[0] == local.digest[0]
    assert there.error.notna().tolist() == [False]*6 + [True]
    assert len(list((out/'runs').iterdir())) == len(study.runs)
    assert len(list((out/'store').glob('mentor-*'))) == 2
