"What comes in as a text: whatever it holds, it is read or refused, never a traceback, and nothing wrong is read."
import json

from hypothesis import assume, given, settings, strategies as st

from mentorkd.tasks.answers import KINDS, lenient, mark, normalise, plain, strict
from mentorkd.tasks.prompts import CUT, apart, content, ended, join, steps, with_thinking
from mentorkd.tasks.records import InputError, Question
from mentorkd.teacher.import_annotations import FORMS, said_in
from mentorkd.writers.attempts import mark_text

OURS = ('number', 'choice', 'yesno', 'text')
PIECES = st.sampled_from(['12', '-5', '- 5', '1 1/2', '1,234.5', '½', '٣', '(B)', 'b', 'A dog', 'yes', 'no doubt', 'not', 'or', '=', '%', '$', r'\boxed{12}', r'\boxed{', '**', '####', '-->', 'Therefore, the answer is', 'The answer is',
                          '<think>', '</think>', '<|im_end|>', '<|channel|>final<|message|>', '"', '.', '\n', '\u200b', '\u202f', 'apples', 'because', '10^3', '³', '\U0001d7d9'])
TEXTS = st.one_of(st.text(), st.lists(PIECES, max_size=8).map(' '.join), st.lists(PIECES, max_size=8).map(''.join))
VALUES = st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20), lambda v: st.lists(v, max_size=3) | st.dictionaries(st.sampled_from(['role', 'from', 'content', 'value', 'type', 'text', 'body', 'choices', 'message', 'output', 'question', 'completion', 'messages']), v, max_size=4), max_leaves=12)
many = settings(max_examples=400, deadline=None)


@many
@given(TEXTS)
def test_any_text_is_read_or_not(text):
    for kind in map(KINDS.get, OURS):
        plainly, found = strict(text, kind).answer, lenient(text, kind).answer
        assert plainly is None or found == plainly
        for answer in {plainly, found} - {None}: assert normalise(answer, kind) == answer  # a normal form is its own


@many
@given(TEXTS, st.sampled_from(['--> 12', '--> (B)', '--> yes', 'Therefore, the answer is 12.']))
def test_what_stands_before_the_mark_changes_nothing(text, end):
    for kind in map(KINDS.get, OURS): assert strict(f'{text}\n{end}', kind) == strict(end, kind)


@many
@given(TEXTS)
def test_an_answer_that_was_only_thought_of_does_not_count(text):
    assume(apart(text) == (text, '') and 'assistant' not in text)
    inside = f'<think>{text} --> 12 </think>So.'
    assert apart(inside)[0] == 'So.' and not mark_text(Question('', '', '12'), inside, KINDS['number'], 'teacher').ok
    assert apart(with_thinking('So.', text.strip() or None)) == ('So.', text.strip())


@many
@given(TEXTS)
def test_a_label_has_one_mark_and_reads_as_its_gold(text):
    a = mark_text(Question('', '', '12'), f'{text} --> 12', KINDS['number'], 'teacher')
    if a.ok: assert mark(join(a.rationale, '12'), '12', KINDS['number']) == ('12', True, None) and not a.rationale.endswith('-->')
    assert steps(a.rationale) == a.rationale or '-->' in a.rationale or 'answer' in a.rationale.lower() or '####' in a.rationale


@many
@given(st.integers(-10**6, 10**6), st.sampled_from('-−‐‑‒–—﹣－'), st.sampled_from(['', ' apples', '%', ' €', '.', '。', '\u200b', '<|im_end|>']))
def test_another_dash_or_unit_gives_the_same_value_or_none(n, dash, unit):
    for text in (f'{dash}{abs(n)}{unit}', f'{dash} {abs(n)}{unit}', f'minus {abs(n)}{unit}'):
        assert lenient(f'The answer is {text}', KINDS['number']).answer in (str(-abs(n)), None)
    for digits in ('٠١٢٣٤٥٦٧٨٩', '०१२३४५६७८९', '０１２３４５６７８９'):
        assert normalise(str(abs(n)).translate({48 + i: d for i, d in enumerate(digits)}), KINDS['number']) == str(abs(n))


@many
@given(st.decimals(-10**6, 10**6, places=2), st.sampled_from(",'\u202f\u2009\u00a0 ٬"))
def test_another_separator_gives_the_same_value_or_none(n, sign):
    written = f'{n:,}'.replace(',', sign)
    assert normalise(written, KINDS['number']) in (normalise(str(n), KINDS['number']), None)


@many
@given(st.lists(st.sampled_from([f for fields, *_ in FORMS for f in fields]), max_size=5, unique=True), st.data())
def test_any_row_is_read_or_refused(fields, data):
    row = {f: data.draw(VALUES) for f in fields}
    try: form, said = said_in(row)
    except InputError as e: assert str(e).count('. ') >= 2
    else: assert all(s.text is None or isinstance(s.text, str) and s.text.strip() for s in said)


@many
@given(VALUES)
def test_any_content_of_a_message_is_a_text_or_none(value):
    said = content(value)
    assert said is None or isinstance(said, str) and said


@many
@given(TEXTS, st.one_of(st.none(), st.text(max_size=12), st.sampled_from(['stop', 'length', 'content_filter', 'error'])))
def test_what_ended_early_is_never_trained_on(text, finish):
    a = mark_text(Question('', '', '12'), ended(f'{text} --> 12', finish), KINDS['number'], 'teacher')
    assert bool(a.cut) == bool(finish and CUT.search(finish)) and not (a.cut and a.usable)
    json.dumps(vars(a))


@many
@given(st.text())
def test_plain_is_its_own_plain_form(text): assert plain(plain(text)) == plain(text)
