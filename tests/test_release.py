"`make release`: which tables other code has made."
import runpy
from pathlib import Path

from mentorkd.pipeline import stages
from mentorkd.studies import study

RELEASE = runpy.run_path(str(Path(__file__).resolve().parent.parent/'.ci'/'release.py'))


def test_a_table_is_listed_when_its_code_changes(monkeypatch):
    was = {name for name, *_ in RELEASE['changed']()}
    monkeypatch.setattr(stages, 'code_digest', lambda *_: 'other'); monkeypatch.setattr(study, 'made_from', lambda: 'other')
    now = RELEASE['changed']()
    assert was <= {name for name, *_ in now} == {*RELEASE['STUDIES'], *RELEASE['PAGES']} and len(RELEASE['STUDIES']) >= 9
    assert all(then and here == 'other' for _, then, here in now)


def test_every_table_has_a_stamp_or_is_named(): assert not {*RELEASE['unstamped']()} & {*RELEASE['STUDIES'], 'end_to_end', 'speed'}


def test_the_verdicts_are_of_tests_that_exist():
    slices = (Path(__file__).parent/'test_study_slice.py').read_text()
    assert f"def {RELEASE['STUDENT']}(" in slices and 'def test_teacher_counts_and_tokens(' in slices and 'def test_as_it_was(' in (Path(__file__).parent/'test_golden.py').read_text()
