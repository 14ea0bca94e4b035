"Tables whose code has changed since they were made, each with the verdict of its slice, which is done again here; then the small runs."
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
PAGES = {'tutorials/end_to_end': ('code', 'pipeline.pipeline'), 'analysis/soft_labels': ('code', 'pipeline.pipeline'), 'analysis/faithfulness': ('code', 'writers.faithful'), 'analysis/advise': ('code', 'studies.advise'), 'analysis/speed': ('digest', 'studies.bench')}


def done_again() -> tuple[dict[str, bool], bool]:
    "Table → did its slice come out as before; and whether all small runs did."
    with TemporaryDirectory() as folder:
        ended = subprocess.run([sys.executable, '-m', 'pytest', '-q', 'tests/test_study_slice.py', 'tests/test_golden.py', f'--junitxml={folder}/said.xml'], cwd=ROOT).returncode
        cases = [(c.get('classname'), c.get('name'), c.find('failure') is None and c.find('error') is None) for c in ET.parse(f'{folder}/said.xml').iter('testcase')]
    slices = {m[1]: ok for _, name, ok in cases if (m := re.fullmatch(r'test_teacher_counts_and_tokens\[(\w+)\]', name))}
    return slices, ended == 0 and all(ok for where, _, ok in cases if where.endswith('test_golden'))


def changed() -> list[tuple[str, str, str]]:
    "Table, the code that made it, the code that is here."
    from mentorkd.pipeline.stages import code_digest
    from mentorkd.studies.study import made_from
    from mentorkd.studies.tables import read_table
    tables = sorted((ROOT/'nbs'/'analysis').glob('*.marks.csv'))
    made = [(t.name.removesuffix('.marks.csv'), ', '.join(sorted(set(read_table(t.with_name(t.name.replace('.marks', ''))).rows.made_from))), made_from()) for t in tables]
    made += [(page, json.loads((ROOT/'nbs'/f'{page}.json').read_text()).get(field, '?'), code_digest(module)) for page, (field, module) in PAGES.items()]
    return [(name, then, now) for name, then, now in made if then != now]


if __name__ == '__main__':
    slices, small = done_again()
    print(f"\n{'table':<24}{'made by code':<16}{'code here':<16}its slice, done again")
    for name, then, now in changed(): print(f"{name:<24}{then:<16}{now:<16}{dict([(True, 'as before'), (False, 'CHANGED: run it again')]).get(slices.get(name), 'has none')}")
    print(f"small runs: {'as before' if small else 'CHANGED'}")
    sys.exit(not (small and all(slices.values())))
