"""Build the site in _docs with smalldocs, give its pages what nbdev and Quarto give them, and fail on a broken internal link.

With Quarto installed, nbdev_docs builds the site from the same files and needs nothing of this."""
import base64, html, io, json, re, shutil, subprocess, sys
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parent.parent
NUMBER = re.compile(r'(?<=["/])\d\d?_(?=\w+\.html)')  # of a notebook, which its page does not have in nbdev's links


def build() -> Path:
    from nbdev.serve import proc_nbs
    proc_nbs(force=True, n_workers=0)
    for book in (ROOT/'_proc').rglob('*.ipynb'): without_progress(book)
    said = subprocess.run([Path(sys.executable).parent/'smalldocs', 'render', ROOT/'_proc'], capture_output=True, text=True)
    print(*(line for line in (said.stdout + said.stderr).splitlines() if 'output-file is not read' not in line), sep='\n')  # named below
    said.check_returncode()
    site = ROOT/'_docs'
    shutil.rmtree(site, ignore_errors=True)
    shutil.move(ROOT/'_proc'/'_docs', site)
    for data in (ROOT/'nbs'/'analysis').glob('*'):
        if data.suffix in ('.csv', '.json'): shutil.copy(data, site/'analysis')  # one click from their figures
    return site


def without_progress(book: Path) -> None:
    "A progress bar is for the one who waits."
    nb = json.loads(book.read_text())
    bar = lambda o: re.search(r'\d+%\|', ''.join(o.get('data', {}).get('text/plain', ''))) or o.get('name') == 'stderr' and '%|' in ''.join(o['text'])
    for c in nb['cells']:
        if 'outputs' in c: c['outputs'] = [o for o in c['outputs'] if not bar(o)]
    book.write_text(json.dumps(nb))


def name(site: Path) -> None:
    "smalldocs writes 00_losses.html, nbdev and Quarto losses.html: take their names, in links, the search's index and the map."
    for page in site.rglob('*.html'): page.rename(page.with_name(re.sub(r'^\d+[a-z]?_', '', page.name)))
    for file in [*site.rglob('*.html'), site/'search.json', site/'sitemap.xml']: file.write_text(NUMBER.sub('', file.read_text()))


def mend(site: Path) -> None:
    "Links to the published site stay inside this one, those to run folders go; equations are drawn here; nothing is fetched."
    from nbdev.config import get_config
    home = get_config().doc_host + get_config().doc_baseurl + '/'
    index = site/'search.json'
    for file in [*site.rglob('*.html'), index]: file.write_text(re.sub(r'\[`([^`\]]+)`\]\(' + re.escape(home) + r'[^)\s]*\)', r'\1', file.read_text()))  # inside code
    index.write_text(json.dumps([e | {k: re.sub(r'\\[()\[\]]', '', e[k]) for k in ('section', 'text')} for e in json.loads(index.read_text())]))
    for page in site.rglob('*.html'):
        text = re.sub(r'(<a\b[^>]*?href=")' + re.escape(home), r'\1' + '../'*(len(page.relative_to(site).parts) - 1), page.read_text())
        text = re.sub(r'<(?:script|link)\b[^>]*katex[^>]*>(?:</script>)?', '', text)
        text = re.sub(r'(<a\b[^>]*>)?<code>((?:analysis/|tutorials/|\w+\.)?(\w+))</code>', lambda m: linked(m, site, page), text)
        text = re.sub(r'(<a\b[^>]*?) (?:xlink:)?href="[^"]*\bruns/[^"]*"', r'\1', text)  # run folders stay where they were made
        text = re.sub(r'(<code class="sourceCode python">)\n', r'\1', text)
        text = re.sub(r'<td>(?=([^<]*)</td>)', lambda m: f'<td class="{"short" if len(m[1]) < 25 else "long"}">', text)
        text = re.sub(r'<pre>(?=<code>(.*?)</code>)', lambda m: '<pre class="sentences">' if sentences(html.unescape(m[1])) else m[0], text, flags=re.S)
        page.write_text(re.sub(r'<span class="math (inline|display)">\\[(\[](.*?)\\[)\]]</span>', lambda m: drawn(html.unescape(m[2]), m[1]), text, flags=re.S))
    for theme in (site/'site_libs'/'themes').glob('*.css'): theme.write_text(re.sub(r'@import url\(https?:[^)]*\);?', '', theme.read_text()))


def linked(m: re.Match, site: Path, page: Path) -> str:
    "`distil.losses`, `analysis/speed` and `lambda_sweep` in a text lead to their pages."
    folder = m[2].removesuffix(m[3]).rstrip('./')
    if '.' in m[2]: folder = next((p.name for p in site.glob(f'?_{folder}')), 'no page')
    beside = '_' in m[3] and not folder and page.parent != site  # `lambda_sweep` on another page of its folder
    target = (page.parent if beside else site/folder)/f'{m[3]}.html'
    if m[1] or not (folder or beside) or not target.exists() or target == page: return m[0]
    return f'<a href="{"../"*(len(page.relative_to(site).parts) - 1)}{target.relative_to(site)}"><code>{m[2]}</code></a>'


def sentences(printed: str, width: int = 90) -> bool:
    "Whether what is too wide for the page has no columns to keep."
    wide = [line for line in printed.splitlines() if len(line) > width]
    return bool(wide) and not any('  ' in line.strip() for line in wide)


def drawn(tex: str, where: str, size: int = 12) -> str:
    "An equation as a picture that stands on the line of its text; TeX that cannot be drawn stops the build."
    from matplotlib import rc_context
    from matplotlib.font_manager import FontProperties
    from matplotlib.mathtext import math_to_image
    file = io.StringIO()
    with rc_context({'mathtext.fontset': 'cm', 'svg.hashsalt': 'mentorkd', 'savefig.facecolor': 'none'}):
        depth = math_to_image(f'${tex}$', file, format='svg', prop=FontProperties(size=size))
    svg = file.getvalue()
    width, height = (float(re.search(rf'<svg[^>]*\b{k}="([\d.]+)pt"', svg)[1])/size for k in ('width', 'height'))
    style = f'width:{width:.2f}em;height:{height:.2f}em;vertical-align:{-depth/size:.2f}em'
    image = f'<img class="math" style="{style}" alt="{html.escape(tex)}" src="data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}">'
    return f'<span class="math {where}">{image}</span>'


def broken(site: Path) -> list[str]:
    "Internal links whose page or anchor is not there."
    ids = {p.resolve(): set(re.findall(r'\bid="([^"]+)"', p.read_text())) for p in site.rglob('*.html')}
    bad = []
    for page in site.rglob('*.html'):
        for href in re.findall(r'<a\b[^>]*?href="([^"]+)"', page.read_text()):
            path, _, anchor = unquote(href).partition('#')
            if re.match(r'[a-z]+:', href): continue
            target = (page.parent/path).resolve() if path else page.resolve()
            if not target.exists() or anchor and target in ids and anchor not in ids[target]: bad.append(f'{page.relative_to(site)} → {href}')
    return bad


if __name__ == '__main__':
    site = build()
    name(site)
    mend(site)
    bad = broken(site)
    print(*bad, f'{len(list(site.rglob("*.html")))} pages in {site.name}, {len(bad)} broken links', sep='\n')
    sys.exit(bool(bad))
