"What every page promises: a title, a line about it, kept outputs, failures shown, arrows that point down."
import ast
import json
import os
import re
from collections import Counter
from pathlib import Path

import pytest

import mentorkd
from mentorkd.pipeline.stages import imports_of

NBS = Path(__file__).resolve().parent.parent/'nbs'
PAGES = sorted(p for p in NBS.rglob('*.ipynb') if 'runs' not in p.parts and '.ipynb_checkpoints' not in p.parts)
STAGES = [p for p in PAGES if re.match(r'\d\d_', p.name)]


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


FOLDERS = sorted(p for p in NBS.iterdir() if re.match(r'\d_', p.name))
PACKAGE = Path(mentorkd.__file__).parent


def place(module):
    "Folder and number of a module's page, such as (4, 0) for `distil.losses`."
    page = next(p for p in STAGES if module == f'{p.parent.name[2:]}.{p.stem[3:]}')
    return int(page.parent.name[0]), int(page.stem[:2])


def arrows():
    "Module → module, from the exported files: imports inside functions count too."
    modules = [f'{p.parent.name}.{p.stem}' for p in PACKAGE.glob('*/*.py') if p.stem != '__init__']
    return [(m, n) for m in modules for n in imports_of(m)]


def test_arrows_point_down():
    "A module imports only from folders before its own, and there only from pages before its own."
    seen = arrows()
    assert len(seen) >= 200 and ('studies.search', 'pipeline.distillation') in seen  # the one stands inside a function
    assert [(m, n) for m, n in seen if place(n) >= place(m)] == []


def test_pages_and_modules_are_the_same():
    assert {f'{p.parent.name[2:]}.{p.stem[3:]}' for p in STAGES} == {m for m, _ in arrows()} | {n for _, n in arrows()}
    assert all(f'#| default_exp {p.parent.name[2:]}.{p.stem[3:]}' in p.read_text() for p in STAGES)
    assert len(FOLDERS) == 8 and all((f/'index.ipynb').is_file() for f in FOLDERS)
    for f in FOLDERS: assert [int(p.stem[:2]) for p in sorted(f.glob('[0-9]*.ipynb'))] == list(range(len(list(f.glob('[0-9]*.ipynb')))))


def test_teacher_and_distil_never_touch():
    "The method itself: who writes the rationales does not know who learns from them."
    between = {(m.split('.')[0], n.split('.')[0]) for m, n in arrows()}
    assert not {('teacher', 'distil'), ('distil', 'teacher')} & between
    assert len({(a, b) for a, b in between if a != b}) <= 25


def test_no_folder_hides_a_public_function():
    "A subpackage is an attribute of the package after its first import."
    assert not {'run', 'predict', 'annotate', 'quote', 'study', 'advise'} & {f.name[2:] for f in FOLDERS}


def defined(tree):
    "Class and name of each function and class; what `@patch` puts into a class counts as the class's."
    for node in tree.body:
        if isinstance(node, ast.ClassDef): yield from ((node.name, n) for _, n in defined(node))
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)): continue
        marks = [ast.unparse(d) for d in node.decorator_list]
        if any(d.endswith(('.setter', '.deleter')) for d in marks): continue
        patched = ast.unparse(node.args.args[0].annotation) if any(d.startswith('patch') for d in marks) else ''
        yield patched, node.name


def twice(tree): return [name for name, n in Counter(defined(tree)).items() if n > 1]


def test_no_name_is_defined_twice():
    "The second would hide the first, and whoever mends one of them would wonder."
    patched = '@patch\ndef f(self:A): pass\n@patch\ndef f(self:B): pass\n'
    assert twice(ast.parse(patched)) == [] and twice(ast.parse(patched + '@patch\ndef f(self:B): pass')) == [('B', 'f')]
    assert twice(ast.parse('class A:\n    @property\n    def x(self): pass\n    @property\n    def x(self): pass')) == [('A', 'x')]
    found = {p.name: names for p in PACKAGE.rglob('*.py') if (names := twice(ast.parse(p.read_text())))}
    assert found == {}


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
