"JupyterLab in a real browser: every tutorial runs, sliders move and figures change, a point opens its run, nobody complains. Pictures go to CI_PICTURES."
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser')
if CHROMIUM is None: pytest.skip('no chromium on this machine (Debian: apt-get install chromium)', allow_module_level=True)
playwright = pytest.importorskip('playwright.sync_api', reason='playwright is not installed')

NBS = Path(__file__).resolve().parent.parent/'nbs'
KEPT = {'end_to_end.ipynb': 'chain_arithmetic-tiny-s1'}
TUTORIALS = sorted(p.name for p in (NBS/'tutorials').glob('*.ipynb'))
ARGS = '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync'.split()
EXPLORE = ["import pandas as pd\nfrom mentorkd.pipeline.pipeline import run\nfrom mentorkd.look.explore import explore_rationales, explore_study\nfrom mentorkd.look.playground import explore_loss",
           "from mentorkd.tasks import tasks\ntasks.SIZES.update(train=24, dev=8, test=24)",
           "path = run(task='last_letters', updates=2, mentor_updates=2, evals=1, teacher_samples=3, mentor_samples=1, max_new_tokens=16, out='run', say=lambda line: None).path",
           "explore_study(pd.DataFrame([dict(run='run', method=m, lam=lam, seed=1, accuracy=a) for m, a in (('vanilla-kd', .2), ('mentor-kd', .4)) for lam in (0., .3)]), 'lam')",
           "explore_loss(path)", "explore_rationales(path)"]


def without_run(name):
    return name in KEPT and not (NBS/'tutorials'/'runs'/KEPT[name]).is_dir()


def cell(source):
    return dict(cell_type='code', execution_count=None, id=secrets.token_hex(4), metadata={}, outputs=[], source=source)


@pytest.fixture(scope='module')
def lab(tmp_path_factory):
    "A server on a folder of copies; runs that a tutorial has kept are taken."
    root = tmp_path_factory.mktemp('lab')
    shutil.copytree(NBS/'tutorials', root/'tutorials', ignore=shutil.ignore_patterns('runs', '.ipynb_checkpoints'))
    shutil.copytree(NBS/'recorded', root/'recorded')
    if (NBS/'tutorials'/'runs').is_dir(): (root/'tutorials'/'runs').symlink_to(NBS/'tutorials'/'runs')
    for path in (root/'tutorials').glob('*.ipynb'):
        book = json.loads(path.read_text())
        book['cells'] = [c | (dict(outputs=[]) if c['cell_type'] == 'code' else {}) for c in book['cells']]
        path.write_text(json.dumps(book))
    (root/'explore.ipynb').write_text(json.dumps(dict(cells=[cell(s) for s in EXPLORE], metadata=dict(kernelspec=dict(name='python3', display_name='Python 3', language='python')), nbformat=4, nbformat_minor=5)))
    for name, value in (('notebook-extension/tracker', dict(windowingMode='none')), ('apputils-extension/notification', dict(fetchNews='false', checkForUpdates=False))):
        file = root/'.settings'/'@jupyterlab'/f'{name}.jupyterlab-settings'
        file.parent.mkdir(parents=True); file.write_text(json.dumps(value))
    with socket.socket() as s: s.bind(('127.0.0.1', 0)); port = s.getsockname()[1]
    token = secrets.token_hex(16)
    env = os.environ | dict(JUPYTERLAB_SETTINGS_DIR=str(root/'.settings'), JUPYTERLAB_WORKSPACES_DIR=str(root/'.workspaces'), JUPYTER_CONFIG_DIR=str(root/'.config'), OMP_NUM_THREADS='1', TQDM_DISABLE='1', HF_HUB_OFFLINE='1')
    words = [sys.executable, '-m', 'jupyterlab', '--no-browser', '--allow-root', '--LabApp.expose_app_in_browser=True', f'--ServerApp.port={port}', f'--IdentityProvider.token={token}', f'--ServerApp.root_dir={root}', '--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate', '--LabApp.news_url=None']
    with (root/'.log').open('w') as log: server = subprocess.Popen(words, env=env, stdout=log, stderr=log)
    try:
        for _ in range(300):
            try: urllib.request.urlopen(f'http://127.0.0.1:{port}/api?token={token}'); break
            except (urllib.error.URLError, ConnectionError): time.sleep(.1)
        else: pytest.fail((root/'.log').read_text()[-2000:])
        yield f'http://127.0.0.1:{port}', token
    finally: server.terminate(); server.wait(90)


@pytest.fixture(scope='module')
def browser(tmp_path_factory):
    with playwright.sync_playwright() as p:
        context = p.chromium.launch_persistent_context(tmp_path_factory.mktemp('profile'), executable_path=CHROMIUM, args=ARGS, viewport=dict(width=1280, height=1000))
        yield context
        context.close()


@pytest.fixture
def pictures(tmp_path):
    folder = Path(os.environ.get('CI_PICTURES', tmp_path)); folder.mkdir(parents=True, exist_ok=True)
    return folder


def start(browser, lab, path):
    "Open a notebook and run all its cells; the page, which does not wait for them, and what its console complains of."
    page, complaints = browser.new_page(), []
    page.on('console', lambda m: complaints.append(m.text) if m.type == 'error' else None)
    page.on('pageerror', lambda e: complaints.append(str(e)))
    url, token = lab
    page.goto(f'{url}/lab/workspaces/{secrets.token_hex(4)}/tree/{path}?token={token}')
    page.wait_for_function('window.jupyterapp !== undefined', timeout=60_000)
    page.evaluate("""async () => {
        const app = window.jupyterapp; await app.restored;
        while (!app.shell.currentWidget?.sessionContext) await new Promise(r => setTimeout(r, 50));
        const context = app.shell.currentWidget.sessionContext; await context.ready; await context.session.kernel.info;
        const began = performance.now();
        window.ended = app.commands.execute('notebook:run-all-cells').then(() => Math.round((performance.now() - began)/1000));
    }""")
    return page, complaints


@pytest.fixture(scope='module')
def pages(browser, lab, request):
    "The notebooks of the chosen tests, each with a kernel of its own, two at a time."
    asked = [i.callspec.params['name'] for i in request.session.items if i.module is request.module and hasattr(i, 'callspec')]
    todo, under_way = [n for n in asked if not without_run(n)], {}
    def get(name):
        while todo and (name not in under_way or len(under_way) < 2): n = todo.pop(0); under_way[n] = start(browser, lab, f'tutorials/{n}')
        return under_way.pop(name)
    return get


def errors(page):
    return page.evaluate("""() => [...window.jupyterapp.shell.currentWidget.content.model.cells].filter(c => c.type === 'code')
        .flatMap(c => c.sharedModel.outputs.filter(o => o.output_type === 'error').map(o => c.sharedModel.source.slice(0, 200) + ' → ' + o.ename + ': ' + o.evalue))""")


def counted(page):
    return page.evaluate("() => [...window.jupyterapp.shell.currentWidget.content.model.cells].filter(c => c.type === 'code').map(c => c.executionCount)")


def stop(page):
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    page.close()


def turned(page, key='ArrowRight'):
    "Press a key on the first slider of the page, and wait until what stands below it has changed."
    box = page.locator('.widget-vbox').filter(has=page.locator('.noUi-handle')).first
    shown = box.locator('.widget-html-content').last
    before = shown.inner_html()
    box.locator('.noUi-handle').first.focus()
    page.keyboard.press(key)
    page.wait_for_function('([e, was]) => e.innerHTML !== was', arg=[shown.element_handle(), before], timeout=60_000)


def test_a_slider_moves_and_the_figure_changes(browser, lab, pictures):
    page, complaints = start(browser, lab, 'explore.ipynb')
    page.evaluate('async () => { await window.ended; }')
    page.locator('.widget-html-content svg').first.wait_for(timeout=60_000)
    loss, rationales = page.locator('.widget-vbox').filter(has_text='real label tokens'), page.locator('.widget-vbox').filter(has_text='test questions')
    page.screenshot(path=pictures/'explore-before.png')
    before, first = loss.locator('svg').text_content(), rationales.locator('.widget-html-content').last.inner_text()
    loss.locator('.noUi-handle').first.focus()
    page.keyboard.press('ArrowRight')  # λ from 0.30 to 0.35
    loss.locator('svg').get_by_text('0.65', exact=True).wait_for(timeout=20_000)  # the weight of RD
    assert loss.locator('svg').text_content() != before
    case = "e => [...document.querySelectorAll('.widget-html-content')].at(-1).innerText"
    rationales.locator('.noUi-handle').first.focus()
    page.keyboard.press('ArrowRight')  # the next case
    page.wait_for_function(f"was => ({case})() !== was", arg=first, timeout=20_000)
    page.keyboard.press('ArrowLeft')  # and the one before
    page.wait_for_function(f"was => ({case})() === was", arg=first, timeout=20_000)
    rationales.locator('.widget-html-content').last.click()  # not the slider but what is read
    page.keyboard.press('ArrowRight')
    page.wait_for_function(f"was => ({case})() !== was", arg=first, timeout=20_000)
    page.keyboard.press('ArrowLeft')
    page.wait_for_function(f"was => ({case})() === was", arg=first, timeout=20_000)
    page.screenshot(path=pictures/'explore-after.png')
    with browser.expect_page() as opened: page.locator('.widget-html-content svg a').first.click()  # a point of the study explorer
    opened.value.wait_for_function("window.jupyterapp?.shell.currentWidget?.context?.path === 'run/report.html'", timeout=60_000)
    opened.value.frame_locator('.jp-HTMLViewer iframe, iframe').first.get_by_text('last_letters').first.wait_for(timeout=60_000)
    opened.value.screenshot(path=pictures/'explore-run.png')
    opened.value.close()
    assert (errors(page), complaints) == ([], [])
    stop(page)


@pytest.mark.parametrize('name', TUTORIALS)
def test_tutorial_runs_in_jupyterlab(name, pages, pictures):
    if without_run(name): pytest.skip(f'{name} trains for minutes unless its run is kept: make test keeps it')
    page, complaints = pages(name)
    page.bring_to_front()
    took = page.evaluate('() => window.ended')
    with (pictures/'seconds.txt').open('a') as f: print(f'{took:>5} s  {name}', file=f)  # two at a time, so at most this
    page.screenshot(path=pictures/f'{Path(name).stem}.png')
    turned(page); page.screenshot(path=pictures/f'{Path(name).stem}-turned.png')
    assert (errors(page), complaints) == ([], [])
    assert None not in counted(page)
    stop(page)
