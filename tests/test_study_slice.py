"A slice of each committed study is done again: what no processor's arithmetic changes is the same, and a student trained anew lies where the seeds of its cell let it."
from pathlib import Path

import pytest
from scipy import stats

from mentorkd.pipeline.distillation import Distillation
from mentorkd.distil.models import encode, load
from mentorkd.distil.soft_labels import label_tokens
from mentorkd.studies.study import perform
from mentorkd.studies.study_files import read_study
from mentorkd.studies.tables import read_table

ANALYSIS = Path(__file__).resolve().parent.parent/'nbs'/'analysis'
STUDIES = sorted(f for f in ANALYSIS.glob('*.toml') if f.with_suffix('.csv').is_file())
TEACHER = ['task', 'ratio', 'faithful', 'extractor']  # factors on which the teacher's rows depend, besides the seed


def runs(file):
    "Key → run, and the table."
    return {r.key: r for r in read_study(file).runs}, read_table(file.with_suffix('.csv'))


def test_there_are_tables(): assert STUDIES


@pytest.mark.parametrize('file', STUDIES, ids=lambda f: f.stem)
def test_teacher_counts_and_tokens(file, tmp_path):
    "One run for each set of rows that a teacher gives in this study."
    by_key, table = runs(file)
    own = table.rows if 'augmentations' not in table.rows else table.having(augmentations='')
    for row in own.drop_duplicates([c for c in TEACHER if c in own]).itertuples():
        s = by_key[row.run].settings
        d = Distillation(s, tmp_path/row.run, lambda line: None)
        d.teach()
        d.ask_stage('teacher_test', 'teacher_test.jsonl', lambda: d.teachers[1], d.teachers[1].key, d.questions['test'], 'teacher')
        assert [a.ok for a in d.attempts('teacher_test')] == [m.ok for m in table.marks[row.run, 'teacher']]
        here = dict(train_questions=len(d.questions['train']), teacher_said=len(d.taught), teacher_said_correct=sum(a.ok for a in d.taught), teacher_covered=len({a.id for a in d.taught if a.ok}), D_teacher=len(d.D_teacher))
        if s.match == 'updates' and not s.epochs: here['updates_student'] = d.settings_for(d.method, d.D_teacher).updates
        if d.needs_mentor: here |= dict(updates_mentor=d.settings_for_mentor().updates, label_tokens_mentor=sum(map(label_tokens, encode(load(s.mentor), d.D_teacher, s.max_length, s.cut_labels).rows)))
        assert here == {k: getattr(row, k) for k in here}


def cheapest():
    "Study, key and cell of the student without a mentor that has most seeds, and of these took the least time."
    found = []
    for file in STUDIES:
        by_key, table = runs(file)
        rows = table.rows[table.rows.updates_mentor.isna() & (table.rows.student_accuracy > .1)]
        for _, cell in rows.groupby([f for f in read_study(file).factors if f != 'seed'], dropna=False): found.append((len(cell), -cell.seconds_student.mean(), file, cell))
    return max(found, key=lambda f: f[:2])[2:]


def allowed(cell):
    "The interval in which one more student lies, 99 times in 100: Student's t of the seeds, and the binomial part of the test questions."
    p, n, questions = cell.student_accuracy.mean(), len(cell), cell.student_n.iloc[0]
    half = stats.t.ppf(.995, n - 1)*(cell.student_accuracy.var()*(1 + 1/n) + p*(1 - p)/questions)**.5
    return p - half, p + half


def test_a_student_trained_anew(tmp_path, capsys):
    file, cell = cheapest()
    row, (low, high) = cell.iloc[0], allowed(cell)
    assert low > 0, 'a student that learned nothing would pass'
    again, marks = perform(runs(file)[0][row.run], tmp_path)
    assert again['error'] is None
    assert {k: again[k] for k in ('student_n', 'updates_student', 'label_tokens_student', 'D_teacher')} == {k: row[k] for k in ('student_n', 'updates_student', 'label_tokens_student', 'D_teacher')}
    same = [c == '1' for c in marks[-1]['ok']] == [m.ok for m in runs(file)[1].marks[row.run, 'student']]
    with capsys.disabled(): print(f"\n{file.stem}, {row.run}: {again['student_accuracy']:.1%}, committed {row.student_accuracy:.1%}, allowed {low:.1%} to {high:.1%}: {'the same answers' if same else 'other answers'} question by question")
    assert low <= again['student_accuracy'] <= high
