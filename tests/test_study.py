"The committed tables are whole and as they were written; what code made them is said on their pages, and whether they hold is for the slices and the small runs to say."
import json
from pathlib import Path

import pytest

from mentorkd.studies.study import made_from
from mentorkd.studies.tables import read_table

NBS = Path(__file__).resolve().parent.parent/'nbs'
TABLES = sorted(p.name.removesuffix('.marks.csv') for p in (NBS/'analysis').glob('*.marks.csv'))


def test_whole():
    rows = (NBS/'tutorials'/'end_to_end.csv').read_text().splitlines()
    assert len(rows) == 1 + 3*4*4  # tasks, seeds, and teacher, mentor, baseline, method
    assert len((NBS/'analysis'/'soft_labels.csv').read_text().splitlines()) == 1 + 8*2  # forms, seeds


@pytest.mark.parametrize('name', TABLES)
def test_tables_of_studies(name):
    "Nobody has edited them, each row says what made it, and the page says it too."
    rows = read_table(NBS/'analysis'/f'{name}.csv').rows
    assert rows[['marked_by', 'versions', 'made_from']].notna().all().all()
    said = json.dumps([c.get('outputs') for c in json.loads((NBS/'analysis'/f'{name}.ipynb').read_text())['cells']])
    assert all(f'code {code}' in said for code in set(rows.made_from))


def test_code_of_a_run_is_all_that_it_imports():
    from mentorkd.pipeline.stages import closure, code_digest
    assert {'evaluate', 'train', 'answers', 'report'} <= {m.split('.')[-1] for m in closure('pipeline.pipeline')}
    assert made_from() == made_from() and code_digest('pipeline.pipeline') != code_digest('distil.train')
