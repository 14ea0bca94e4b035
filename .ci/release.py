"Tables whose code has changed since they were made, each with the verdict of its slice, which is done again here; then the small runs."
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
STUDIES = sorted(t.name.removesuffix('.marks.csv') for t in (ROOT/'nbs'/'analysis').glob('*.marks.csv'))
PAGES = {'tutorials/end_to_end': ('code', 'pipeline.pipeline'), 'analysis/soft_labels': ('code', 'pipeline.pipeline'), 'analysis/faithfulness': ('code', 'writers.faithful'), 'analysis/advise': ('code', 'studies.advise'), 'analysis/speed': ('digest', 'studies.bench')}
STUDENT = 'test_a_student_trained_anew'


def done_again() -> dict[str, bool]:
    "Test → did it pass; one that was skipped did not."
    with TemporaryDirectory() as folder:
        subprocess.run([sys.executable, '-m', 'pytest', '-q', 'tests/test_study_slice.py', 'tests/test_golden.py', f'--junitxml={folder}/said.xml'], cwd=ROOT)
        return {c.get('name'): c.find('failure') is None and c.find('error') is None and c.find('skipped') is None for c in ET.parse(f'{folder}/said.xml').iter('testcase')}


def changed() -> list[tuple[str, str, str]]:
    "Table, the code that made it, the code that is here."
    from mentorkd.pipeline.stages import code_digest
    from mentorkd.studies.study import made_from
    from mentorkd.studies.tables import read_table
    made = [(name, ', '.join(sorted(set(read_table(ROOT/'nbs'/'analysis'/f'{name}.csv').rows.made_from))), made_from()) for name in STUDIES]
    made += [(page, json.loads((ROOT/'nbs'/f'{page}.json').read_text())[field], code_digest(module)) for page, (field, module) in PAGES.items()]
    return [(name, then, now) for name, then, now in made if then != now]


def unstamped() -> list[str]:
    "Tables beside pages that do not say by which code they were made."
    stamped = {*STUDIES, *(Path(p).name for p in PAGES)}
    return sorted({f.name.split('.')[0] for d in ('analysis', 'tutorials') for e in ('csv', 'json') for f in (ROOT/'nbs'/d).glob(f'*.{e}')} - stamped)


if __name__ == '__main__':
    passed = done_again()
    verdict = lambda test: {True: 'as before', False: 'CHANGED: run it again', None: 'has none'}[passed.get(test)]
    print(f"\n{'table':<24}{'made by code':<16}{'code here':<16}its slice, done again")
    for name, then, now in changed(): print(f"{name:<24}{then:<16}{now:<16}{verdict(f'test_teacher_counts_and_tokens[{name}]')}")
    print(f"a student trained anew: {verdict(STUDENT)}\nsmall runs: {sum(ok for t, ok in passed.items() if t.startswith('test_as_it_was'))} of {sum(t.startswith('test_as_it_was') for t in passed)} as before\nnot stamped: {', '.join(unstamped())}")
    sys.exit(not (all(passed.values()) and {f'test_teacher_counts_and_tokens[{s}]' for s in STUDIES} <= {*passed} and sum(t.startswith('test_as_it_was') for t in passed) >= 5))
