"The slow tables belong to the code, weights and settings that are here."
import json
from dataclasses import asdict
from pathlib import Path

import pytest

from mentorkd.records import digest
from mentorkd.runs import code_digest
from mentorkd.settings import Settings
from mentorkd.study import METHOD, made_from
from mentorkd.tables import read_table
from mentorkd.tiny import fingerprint

NBS = Path(__file__).resolve().parent.parent/'nbs'
SPEED = ['batches', 'block_losses', 'soft_labels', 'forward', 'losses', 'models', 'writing', 'engines', 'train', 'bench']


@pytest.mark.parametrize('page, target', [('tutorials/end_to_end', 'study'), ('analysis/soft_labels', 'soft-labels')])
def test_made_from_what_is_here(page, target):
    here = dict(code=code_digest(METHOD), weights=fingerprint(), settings=digest(asdict(Settings())))
    assert json.loads((NBS/f'{page}.json').read_text()) == here, f'The figures may be stale: run `make {target}`'


def test_speed_was_measured_on_this_code():
    assert json.loads((NBS/'analysis'/'speed.json').read_text())['digest'] == code_digest(SPEED), 'The figures may be stale: run `make speed`'


def test_whole():
    rows = (NBS/'tutorials'/'end_to_end.csv').read_text().splitlines()
    assert len(rows) == 1 + 3*4*4  # tasks, seeds, and teacher, mentor, baseline, method
    assert len((NBS/'analysis'/'soft_labels.csv').read_text().splitlines()) == 1 + 8*2  # forms, seeds


@pytest.mark.parametrize('name', sorted(p.name.removesuffix('.marks.csv') for p in (NBS/'analysis').glob('*.marks.csv')))
def test_tables_of_studies(name):
    "Nobody has edited them, and they are of this code."
    assert set(read_table(NBS/'analysis'/f'{name}.csv').rows.made_from) == {made_from()}, f'The figures may be stale: run the slow cell of analysis/{name}'
