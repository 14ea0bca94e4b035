"Build the site in _docs with smalldocs, and fail on a broken internal link. With Quarto installed, nbdev_docs builds it from the same files."
import re, shutil, subprocess, sys
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parent.parent


def build() -> Path:
    from nbdev.serve import proc_nbs
    proc_nbs(force=True, n_workers=0)
    subprocess.run([Path(sys.executable).parent/'smalldocs', 'render', ROOT/'_proc'], check=True)
    site = ROOT/'_docs'
    shutil.rmtree(site, ignore_errors=True)
    shutil.move(ROOT/'_proc'/'_docs', site)
    for data in (ROOT/'nbs'/'analysis').glob('*'):
        if data.suffix in ('.csv', '.json'): shutil.copy(data, site/'analysis')  # one click from their figures
    return site


def mend(site: Path) -> None:
    "nbdev links to core.html, smalldocs writes 00_core.html: point such links at the page that is there."
    pages = {re.sub(r'^\d+[a-z]?_', '', p.name): p for p in site.rglob('*.html')}
    for page in site.rglob('*.html'):
        def point(m):
            href, _, anchor = m[2].partition('#')
            if '://' in href or (page.parent/unquote(href)).exists() or Path(href).name not in pages: return m[0]
            up = '../'*(len(page.relative_to(site).parts) - 1)
            return f"{m[1]}{up}{pages[Path(href).name].relative_to(site).as_posix()}{'#' + anchor if anchor else ''}{m[3]}"
        page.write_text(re.sub(r'(<a\b[^>]*?href=")([^"#][^"]*\.html[^"]*)(")', point, page.read_text()))


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
    mend(site)
    bad = broken(site)
    print(*bad, f'{len(list(site.rglob("*.html")))} pages in {site.name}, {len(bad)} broken links', sep='\n')
    sys.exit(bool(bad))
