"Two processes train as one does: the same losses, from the same updates."
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

WORK = '''
import json, sys, warnings
from mentorkd.tasks.answers import KINDS
from mentorkd.writers.attempts import ask, draw, examples
from mentorkd.writers.generators import ScriptedTeacher
from mentorkd.distil.models import load
from mentorkd.distil.soft_labels import open_soft_labels
from mentorkd.tasks.tasks import load_task
from mentorkd.distil.train import TrainSettings, train
out, batch, source, accumulate = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
questions = load_task('chain_arithmetic').split('train')[:40]
D = examples(draw(ask(ScriptedTeacher('chain_arithmetic'), questions, KINDS['number'], 'teacher', 2), 2), questions)
mentor = load('mini') if source == 'live' else open_soft_labels(source)
done = train(load('tiny'), D, TrainSettings(updates=6, batch_size=batch, accumulate=accumulate, group_by_length=True, lr=1e-3, evals=1, lam=.3, tau=2.), out, mentor=mentor)
losses = [{k: float(h[k]) for k in ('loss', 'rd', 'sld', 'grad_norm')} for h in done.history if 'loss' in h]
import torch.distributed as dist
if not dist.is_initialized() or dist.get_rank() == 0:
    with open(out + '.json', 'w') as f: json.dump(losses, f)
'''


def losses(folder: Path, processes: int, batch: int, source: str, accumulate: int = 1) -> list[dict]:
    script = folder/'work.py'
    script.write_text(WORK)
    env = os.environ | dict(OMP_NUM_THREADS='1', TQDM_DISABLE='1', HF_HUB_OFFLINE='1')
    start = [sys.executable] if processes == 1 else [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc_per_node', str(processes)]
    out = str(folder/f'{processes}-{batch}-{Path(source).name}-{accumulate}')
    done = subprocess.run([*start, str(script), out, str(batch), source, str(accumulate)], capture_output=True, text=True, env=env, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(Path(out + '.json').read_text())


@pytest.fixture(scope='module')
def soft(tmp_path_factory):
    from mentorkd.tasks.answers import KINDS
    from mentorkd.writers.attempts import ask, draw, examples
    from mentorkd.writers.generators import ScriptedTeacher
    from mentorkd.distil.models import encode, load
    from mentorkd.distil.soft_labels import make_soft_labels
    from mentorkd.tasks.tasks import load_task
    questions = load_task('chain_arithmetic').split('train')[:40]
    D = examples(draw(ask(ScriptedTeacher('chain_arithmetic'), questions, KINDS['number'], 'teacher', 2), 2), questions)
    folder = tmp_path_factory.mktemp('soft')/'labels'
    make_soft_labels(load('mini'), encode(load('mini'), D).rows, folder)
    return str(folder)


@pytest.mark.parametrize('accumulate, live', [(1, False), (2, True)])
def test_two_processes_give_the_losses_of_one(tmp_path, soft, accumulate, live):
    source = 'live' if live else soft
    one, two = losses(tmp_path, 1, 8*accumulate, source, 1), losses(tmp_path, 2, 4, source, accumulate)
    assert len(one) == len(two) == 6
    for a, b in zip(one, two):
        for name in a: assert b[name] == pytest.approx(a[name], rel=2e-3), name


SHARDED = '''
import json, os, sys, torch, torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from mentorkd.distil.block_losses import Dense, block_loss
from mentorkd.distil.models import at_the_head, load
def loss_of(model, seed):
    g = torch.Generator().manual_seed(seed)
    ids, y, soft = torch.randint(5, 100, (4, 9), generator=g), torch.randint(5, 100, (4, 7), generator=g), Dense(torch.randn(28, 8, generator=g), torch.randn(model.config.vocab_size, 8, generator=g))
    by_blocks = lambda hidden, head: block_loss(hidden.flatten(0, 1), head.weight, y.flatten(), soft, .3, 2.).total
    with at_the_head(model, by_blocks): return model(input_ids=ids, decoder_input_ids=y, use_cache=False).logits
dist.init_process_group('gloo')
whole, sharded = load('tiny').model.eval(), load('tiny').model.eval()
(sum(loss_of(whole, seed) for seed in (0, 1))/2).backward()
for module in (*sharded.encoder.block, *sharded.decoder.block, sharded): fully_shard(module, mesh=init_device_mesh('cpu', (2,)))
loss_of(sharded, dist.get_rank()).backward()
wanted = {n: p.grad for n, p in whole.named_parameters() if p.grad is not None}
found = {n: p.grad.full_tensor() for n, p in sharded.named_parameters() if p.grad is not None}
assert set(wanted) == set(found)
apart = max(((found[n] - wanted[n]).abs().max()/wanted[n].abs().max()).item() for n in wanted)
with open(f'{sys.argv[1]}/apart-{dist.get_rank()}.json', 'w') as f: json.dump(apart, f)
dist.destroy_process_group()
os._exit(0)  # threads of gloo that the sharded model still holds abort the interpreter's end now and then
'''


def test_sharded_weights_get_the_gradients_of_whole_ones(tmp_path):
    (tmp_path/'work.py').write_text(SHARDED)
    env = os.environ | dict(OMP_NUM_THREADS='1', TQDM_DISABLE='1', HF_HUB_OFFLINE='1')
    done = subprocess.run([sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc_per_node', '2', str(tmp_path/'work.py'), str(tmp_path)], capture_output=True, text=True, env=env, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    apart = [json.loads((tmp_path/f'apart-{rank}.json').read_text()) for rank in (0, 1)]  # lines of two processes may run into each other
    assert max(apart) < 1e-5
