"The slow table of the tutorial belongs to the code, weights and settings that are here."
import json
from dataclasses import asdict
from pathlib import Path

from mentorkd.records import digest
from mentorkd.runs import code_digest
from mentorkd.settings import Settings
from mentorkd.tiny import fingerprint

TUTORIALS = Path(__file__).resolve().parent.parent/'nbs'/'tutorials'
MODULES = ['worlds', 'tiny', 'tasks', 'answers', 'generators', 'prompts', 'attempts', 'losses', 'models', 'train', 'pipeline']


def test_made_from_what_is_here():
    "When this fails the figures may be stale: run `make study`."
    here = dict(code=code_digest(MODULES), weights=fingerprint(), settings=digest(asdict(Settings())))
    assert json.loads((TUTORIALS/'end_to_end.json').read_text()) == here


def test_whole():
    rows = (TUTORIALS/'end_to_end.csv').read_text().splitlines()
    assert len(rows) == 1 + 3*4*4  # tasks, seeds, and teacher, mentor, baseline, method
