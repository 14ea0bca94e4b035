"What every page promises: a title, a line about it, kept outputs, failures shown, arrows that point down."
import json
import os
import re
from pathlib import Path

import pytest

NBS = Path(__file__).resolve().parent.parent/'nbs'
PAGES = sorted(p for p in NBS.rglob('*.ipynb') if 'runs' not in p.parts and '.ipynb_checkpoints' not in p.parts)
STAGES = [p for p in PAGES if re.match(r'\d\d', p.name)]


def cells(path):
    for c in json.loads(path.read_text())['cells']:
        yield c, ''.join(c['source'])


@pytest.mark.parametrize('path', PAGES, ids=lambda p: p.name)
def test_title_and_subtitle(path):
    first = next(s for c, s in cells(path) if c['cell_type'] == 'markdown')
    assert re.match(r'# .+\n\n> .+', first)


@pytest.mark.parametrize('path', PAGES, ids=lambda p: p.name)
def test_outputs_are_kept_and_none_is_an_error(path):
    outputs = [o for c, _ in cells(path) if c['cell_type'] == 'code' for o in c['outputs']]
    assert outputs
    assert not [o for o in outputs if o['output_type'] == 'error']
    bars = [t for o in outputs if re.search(r'\d+%\|', t := ''.join(o.get('data', {}).get('text/plain', '') if o.get('name') != 'stderr' else o['text']))]
    assert not bars, 'a progress bar is for the one who waits: delete that output'


@pytest.mark.parametrize('path', STAGES, ids=lambda p: p.name)
def test_each_stage_shows_its_failures_and_its_place(path):
    text = '\n'.join(s for c, s in cells(path) if c['cell_type'] == 'markdown')
    assert '## In the pipeline' in text
    if 'InputError' in ''.join(s for _, s in cells(path)): assert '## When it fails' in text


def test_arrows_point_down():
    "A page imports only from pages with a smaller number."
    layer = {re.search(r'#\| default_exp (\w+)', ''.join(s for _, s in cells(p)))[1]: p.stem.split('_')[0] for p in STAGES}
    upward = [(p.stem, m) for p in STAGES for c, s in cells(p) if '#| export' in s
              for m in re.findall(r'^from mentorkd\.(\w+) import', s, re.M) if layer[m] >= p.stem.split('_')[0]]
    assert upward == []


def test_no_machine_path_in_any_page():
    assert not [p.name for p in PAGES if re.search(r'/(home|root|tmp|work)/', p.read_text())]


KEYS = re.compile(r'sk-[A-Za-z0-9_-]{12,}|hf_[A-Za-z0-9]{20,}|Bearer\s+[A-Za-z0-9._-]{8,}')  # of OpenAI and its like, of the Hugging Face hub, of any request's head


def given_keys():
    "What pages and tests give as a key, and what stands in the environment."
    texts = [s for p in PAGES for _, s in cells(p)] + [p.read_text() for p in Path(__file__).parent.glob('*.py')]
    found = {k for t in texts for k in re.findall(r"""(?:api_key|OPENAI_API_KEY)(?:'\])? ?= ?'([^']+)'|^KEY = '([^']+)'""", t, re.M) for k in k}
    return (found | {os.environ.get(k, '') for k in ('OPENAI_API_KEY', 'HF_TOKEN')}) - {'', 'none'}


def test_no_key_in_any_output():
    "Nor in a recording or a table beside the pages."
    assert KEYS.search('Authorization: Bearer abcdefgh1') and KEYS.search('sk-proj-0123456789ab') and {'a-made-up-key', 'sk-secret', 'sk-not-to-be-seen'} <= given_keys()
    said = {p: json.dumps([o for c, _ in cells(p) for o in c.get('outputs', [])], ensure_ascii=False) for p in PAGES}
    said |= {p: p.read_text() for p in NBS.rglob('*') if p.suffix in ('.json', '.jsonl', '.csv', '.toml', '.yml', '.svg') and 'runs' not in p.parts and p.is_file()}
    assert len(said) > len(PAGES) > 50
    assert not [(p.name, k) for p, text in said.items() for k in (*KEYS.findall(text), *(k for k in given_keys() if k in text))]
