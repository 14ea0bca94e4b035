"The built site in a real browser, without network: every page wide, narrow and in the dark; search; anchors. Pictures go to CI_PICTURES."
import functools
import http.server
import importlib.util
import json
import os
import re
import shutil
import threading
from pathlib import Path

import pytest

from mentorkd import _modidx
from mentorkd.pipeline.report import GROUNDS

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT/'_docs'
PAGES = sorted(p.relative_to(SITE).as_posix() for p in SITE.rglob('*.html'))
SYMBOLS = {name.removeprefix('mentorkd.'): where[0] for module in _modidx.d['syms'].values() for name, where in module.items() if not any(part.startswith('_') for part in name.split('.'))}
if not PAGES: pytest.skip('no built pages: make docs', allow_module_level=True)
if (SITE/'index.html').stat().st_mtime < max(p.stat().st_mtime for p in (ROOT/'nbs').rglob('*.ipynb') if 'runs' not in p.parts and '.ipynb_checkpoints' not in p.parts):
    pytest.skip('the pages are older than a notebook: make docs', allow_module_level=True)
CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser')
ARGS = '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync'.split()

# What a page shows on purpose: a bar in a log, a model's own dollar signs
MEANT = {'8_cli/terminal.html': '0%|', 'analysis/case_study.html': '$$'}

# What a reader would stumble over: cut off, not loaded, not rendered
FAULTS = r"""() => {
  const width = document.documentElement.clientWidth, out = [], main = document.querySelector('main');
  const inBox = e => { for (; e && e !== main; e = e.parentElement) if (['auto', 'scroll'].includes(getComputedStyle(e).overflowX) || e.matches('.thumbnail')) return true; return false; };
  if (document.documentElement.scrollWidth > width) out.push(`the page is ${document.documentElement.scrollWidth} px wide`);
  for (const e of main.querySelectorAll('*:not(svg *)')) {
    const r = e.getBoundingClientRect();
    if (r.width && r.right > width + 1 && !inBox(e)) out.push(`${e.tagName} ends at ${Math.round(r.right)} of ${width} px: ${e.textContent.trim().slice(0, 40)}`);
  }
  for (const i of document.images) if (i.complete && !i.naturalWidth) out.push(`no picture: ${i.src.slice(0, 60)}`);
  const text = main.cloneNode(true);
  for (const m of text.querySelectorAll('style')) m.remove();
  for (const m of text.textContent.match(/<[\w.]+ (object )?at 0x\w+>|<Figure size|\d+%\|/g) || []) out.push(`as Python prints it: ${m}`);
  for (const m of text.querySelectorAll('pre, code')) m.remove();
  for (const m of text.textContent.match(/\\[(\[]|\\(frac|sum|math\w+|log|rm|tau)\b|\$\$|\|---|\]\(http/g) || []) out.push(`not rendered: ${m}`);
  return out.slice(0, 4);
}"""

# Texts whose colour is too near to that of their ground (WCAG's contrast, 4.5). Tokens that are faint because they are unlikely carry their own colour
PALE = r"""() => {
  const rgba = c => { const n = c.match(/-?[\d.]+(e-?\d+)?/g).map(Number); const s = c.startsWith('color(') ? 255 : 1; return [n[0]*s, n[1]*s, n[2]*s, n[3] ?? 1]; };
  const over = (a, b) => [0, 1, 2].map(i => a[i]*a[3] + b[i]*(1 - a[3])).concat(1);
  const light = c => { const [r, g, b] = c.slice(0, 3).map(v => (v /= 255) <= .03928 ? v/12.92 : ((v + .055)/1.055)**2.4); return .2126*r + .7152*g + .0722*b; };
  const ground = e => { const layers = []; for (; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor); layers.push(c); if (c[3] === 1) break; } return layers.reduceRight((under, c) => over(c, under), [255, 255, 255, 1]); };
  const out = [], spans = new Set();
  for (const e of document.querySelectorAll('main :is(p, li, td, th, h1, h2, h3, h4, a, code, code span, figcaption, summary), #quarto-sidebar a, #TOC a')) {
    if (e.matches('code span')) { if (spans.has(e.className)) continue; spans.add(e.className); }
    if (e.closest('[style*="color"], [style*="opacity"], svg') || ![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()) || !e.getClientRects().length) continue;
    const under = ground(e), on = over(rgba(getComputedStyle(e).color), under), [a, b] = [light(on), light(under)].sort((x, y) => y - x), ratio = (a + .05)/(b + .05);
    if (ratio < 4.5) out.push(`${ratio.toFixed(1)} ${e.tagName}.${e.className} ${getComputedStyle(e).color}: ${e.textContent.trim().slice(0, 30)}`);
  }
  return [...new Set(out)].slice(0, 4);
}"""
GROUND = "() => getComputedStyle(document.body).backgroundColor"


@pytest.fixture(scope='module')
def address():
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args): pass
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Quiet, directory=SITE))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f'http://127.0.0.1:{server.server_port}'
    server.shutdown()


@pytest.fixture(scope='module')
def browser(tmp_path_factory):
    if CHROMIUM is None: pytest.skip('no chromium on this machine (Debian: apt-get install chromium)')
    playwright = pytest.importorskip('playwright.sync_api', reason='playwright is not installed')
    with playwright.sync_playwright() as p:
        context = p.chromium.launch_persistent_context(tmp_path_factory.mktemp('profile'), executable_path=CHROMIUM, args=ARGS)
        yield context
        context.close()


@pytest.fixture
def page(browser, address):
    "A page that collects complaints; what is not on this server is out of reach, and was asked for."
    page = browser.new_page()
    page.set_default_timeout(10_000)
    page.emulate_media(color_scheme='light', reduced_motion='reduce')  # no colour on its way to another
    page.complaints, page.scheme = [], 'light'
    page.on('console', lambda m: m.type == 'error' and page.complaints.append(f'console: {m.text}'))
    page.on('pageerror', lambda e: page.complaints.append(f'script: {e}'))
    page.route(re.compile(f'^https?://(?!{address[7:]})'), lambda route: (page.complaints.append(f'fetched: {route.request.url}'), route.abort()))
    yield page
    page.close()


STEPS = ((1280, 'dark'), (1280, 'light'), (390, 'light'))
LOOK = f"""async dark => {{
  while (document.documentElement.classList.contains('quarto-dark') !== dark) await new Promise(later => setTimeout(later, 10));
  return (dark ? [] : ({FAULTS})()).concat(({PALE})());
}}"""


def look(page, where, width, scheme):
    faults = page.evaluate(LOOK, scheme == 'dark')
    if os.environ.get('CI_PICTURES') and where in ('index.html', 'analysis/index.html', '4_distil/losses.html'):
        page.screenshot(path=Path(os.environ['CI_PICTURES'])/f"site_{where[:-5].replace('/', '_')}_{width}_{scheme}.png")
    return [f'{where}, {width} px, {scheme}: {fault}' for fault in faults + page.complaints]


def test_every_page(page, address):
    faults, steps = [], STEPS
    for where in PAGES:
        for n, (width, scheme) in enumerate(steps):
            if page.viewport_size['width'] != width: page.set_viewport_size(dict(width=width, height=900))
            if page.scheme != scheme: page.emulate_media(color_scheme=scheme); page.scheme = scheme
            if n == 0: page.goto(f'{address}/{where}')
            faults += look(page, where, width, scheme)
            page.complaints.clear()
        steps = steps[::-1]  # the next page begins as this one ended
    faults = [f for f in faults if not any(f.startswith(page) and f.endswith(meant) for page, meant in MEANT.items())]
    assert not faults, '\n'.join(faults)


def test_dark_by_hand(page, address):
    page.emulate_media(color_scheme='light')
    page.goto(f'{address}/index.html')
    light, dark = (f"rgb({', '.join(str(int(c[i:i + 2], 16)) for i in (1, 3, 5))})" for c in GROUNDS)  # for which the figures' colours are chosen
    assert page.evaluate(GROUND) == light
    page.click('.quarto-color-scheme-toggle')
    page.wait_for_function("document.documentElement.classList.contains('quarto-dark')")
    assert page.evaluate(GROUND) == dark
    page.goto(f'{address}/4_distil/losses.html')
    page.wait_for_function("document.documentElement.classList.contains('quarto-dark')")  # remembered
    page.click('.quarto-color-scheme-toggle')
    page.wait_for_function("!document.documentElement.classList.contains('quarto-dark')")
    assert page.evaluate(GROUND) == light


@pytest.mark.parametrize('name', ['distillation_loss', 'OpenAITeacher', 'run_study'])
def test_search(page, address, name):
    page.goto(f'{address}/tutorials/end_to_end.html')
    page.fill('#quarto-search input', name)
    page.wait_for_selector('.search-result')
    page.press('#quarto-search input', 'Enter')
    page.wait_for_url(f'{address}/{SYMBOLS[next(s for s in SYMBOLS if s.endswith("." + name))]}')
    page.wait_for_function("Math.abs(document.getElementById(location.hash.slice(1)).getBoundingClientRect().top) < 700")


def test_search_knows_every_name():
    known = {e['href'] for e in json.loads((SITE/'search.json').read_text())}
    assert not {s for s in SYMBOLS.values() if s.partition('#')[0] not in {k.partition('#')[0] for k in known}}
    assert not {s for n, s in SYMBOLS.items() if n.count('.') == 1 and s not in known and (SITE/s.partition('#')[0]).read_text().count(f'id="{s.partition("#")[2]}"')}


def test_links():
    spec = importlib.util.spec_from_file_location('docs', ROOT/'.ci'/'docs.py')
    docs = importlib.util.module_from_spec(spec); spec.loader.exec_module(docs)
    assert docs.broken(SITE) == []
    ids = {p: set(re.findall(r'\bid="([^"]+)"', (SITE/p).read_text())) for p in PAGES}
    assert {s for n, s in SYMBOLS.items() if n.count('.') == 1 and s.partition('#')[2] not in ids.get(s.partition('#')[0], ())} == set()
