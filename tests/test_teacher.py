"A real server on loopback that answers, delays, refuses, fails and cuts; the real client, killed and started again."
import json
import os
import random
import re
import signal
import subprocess
import sys
import time

import pytest

from mentorkd.teacher.journal import read_lines

pytest.importorskip('aiohttp')
pytestmark = pytest.mark.skipif(os.name == 'nt', reason='kills processes')
SERVER = r'''
import asyncio, json, random, sys, time
from email.utils import formatdate
from aiohttp import web
rate, latency, trouble, hold = float(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
files, batches, lock = {}, [], asyncio.Lock()
seen, tokens, last, rng = {}, rate*.5, time.monotonic(), random.Random(0)
counts = dict(asked=0, answered=0, refused=0)

async def answer(request):
    global tokens, last
    counts['asked'] += 1
    body = await request.json()
    if hold == 'quote': return quoted(request)
    if hold == 'drop': request.transport.close(); return web.Response()
    text = prompt_of(body)
    if hold == 'never' and 'the 7th time' in text or hold == 'down' and counts['answered'] >= 40: return web.json_response(dict(error=dict(message='out of order')), status=503)
    if hold == 'old' and 'max_tokens' in body: return web.json_response(dict(error=dict(message="Unsupported parameter: 'max_tokens' is not supported with this model.", param='max_tokens')), status=400)
    if hold == 'slow':
        async with lock: await asyncio.sleep(.2)
    if hold == 'date' and counts['asked'] == 1:
        counts['until'] = int(time.time()) + 3
        return web.json_response(dict(error=dict(message='slow down')), status=429, headers={'retry-after': formatdate(counts['until'], usegmt=True)})
    counts.setdefault('then', time.time())
    if hold == 'tomorrow': return web.json_response(dict(error=dict(message='enough for today')), status=429, headers={'retry-after': '40000'})
    now = time.monotonic(); tokens, last = min(rate*.5, tokens + (now - last)*rate), now
    if rate and tokens < 1:
        counts['refused'] += 1
        return web.json_response(dict(error=dict(message='slow down')), status=429, headers={'retry-after-ms': '200'})
    tokens -= 1
    await asyncio.sleep(latency*rng.uniform(.75, 1.25))
    if rng.random() < trouble:
        kind = rng.choice(['500', 'cut', 'json', 'drop'])
        if kind == 'drop': request.transport.close(); return web.Response()
        if kind == '500': return web.json_response(dict(error=dict(message='oh')), status=500)
        if kind == 'json': return web.Response(body=b'{"choices": [{"mess', content_type='application/json')
        response = web.StreamResponse(headers={'content-type': 'application/json', 'content-length': '500'})
        await response.prepare(request); await response.write(b'{"id":'); request.transport.close(); return response
    return web.json_response(completion(body))

def prompt_of(body): return body['prompt'] if 'prompt' in body else body['messages'][0]['content']
def completion(body):
    text = prompt_of(body)
    key = f"{text}|{body['seed']}"
    seen[key] = seen.get(key, 0) + 1; counts['answered'] += 1
    said = '5.' if text.endswith('the answer is') else f"Steps for {body['seed']}: 3 + 2 = 5."
    kind, said = ('text_completion', dict(text=said)) if 'prompt' in body else ('chat.completion', dict(message=dict(role='assistant', content=said)))
    return dict(id='1', object=kind, created=0, model='m', usage=dict(prompt_tokens=40, completion_tokens=20, total_tokens=60), choices=[dict(index=0, finish_reason='stop', **said)])

def quoted(request): return web.json_response(dict(error=dict(message='Incorrect API key provided: ' + request.headers['authorization'].removeprefix('Bearer '))), status=401)
async def upload(request):
    if hold == 'quote': return quoted(request)
    data = (await request.post())['file'].file.read(); name = f'file-{len(files)}'; files[name] = data
    return web.json_response(dict(id=name, object='file', bytes=len(data), created_at=0, filename='x', purpose='batch', status='processed'))
async def submit(request):
    given = await request.json(); counts['submitted'] = counts.get('submitted', 0) + 1
    held = hold and counts['submitted'] == 1
    if held and hold == 'before': await asyncio.sleep(60); return web.json_response({}, status=503)
    batches.append(dict(id=f'batch-{len(batches)}', object='batch', status='in_progress', created_at=0, looks=0, **given))
    if held: await asyncio.sleep(60)
    return web.json_response(batches[-1])
async def look(request):
    batch = next(b for b in batches if b['id'] == request.match_info['name']); batch['looks'] += 1
    if batch['status'] == 'in_progress' and batch['looks'] > 1:
        rows = [json.loads(l) for l in files[batch['input_file_id']].splitlines()]; rng.shuffle(rows)
        tried = counts.setdefault('tried', {})
        for r in rows: tried[r['custom_id']] = tried.get(r['custom_id'], 0) + 1
        bad = [r for r in rows if trouble and r['body']['seed'] % 4 == 0 and tried[r['custom_id']] == 1]
        for name, some in (('error', bad), ('output', [r for r in rows if r not in bad])):
            if some: batch[f'{name}_file_id'] = f'file-{len(files)}'; files[f'file-{len(files)}'] = b''.join(json.dumps(dict(id='x', custom_id=r['custom_id'], error=None, response=dict(status_code=500, body=dict(error=dict(message='oh'))) if r in bad else dict(status_code=200, body=completion(r['body'])))).encode() + b'\n' for r in some)
        batch['status'] = 'completed'
    return web.json_response(batch)
async def listed(request):
    counts['listed'] = counts.get('listed', 0) + 1
    return web.json_response(dict(object='list', data=[] if hold == 'after' and counts['listed'] < 4 else batches, has_more=False))  # what was submitted shows late
async def content(request): return web.Response(body=files[request.match_info['name']])
async def held(request): global hold; hold = request.match_info['name'].strip('-'); return web.json_response({})
async def report(request): return web.json_response(counts | dict(twice=sum(n > 1 for n in seen.values()), batches=[len(files[b['input_file_id']].splitlines()) for b in batches]))
app = web.Application(client_max_size=10**9)
app.add_routes([web.post('/v1/chat/completions', answer), web.post('/v1/completions', answer), web.post('/v1/files', upload), web.get('/v1/files/{name}/content', content), web.post('/v1/batches', submit), web.get('/v1/batches', listed), web.get('/v1/batches/{name}', look), web.get('/report', report), web.get('/hold/{name}', held)])
async def main():
    runner = web.AppRunner(app, access_log=None); await runner.setup(); site = web.TCPSite(runner, '127.0.0.1', 0); await site.start()
    print(site._server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
'''
ASK = r'''
import json, resource, sys, time
from mentorkd.teacher.journal import Journal
from mentorkd.tasks.records import Question, write_jsonl
from mentorkd.teacher.batch_api import BatchTeacher
from mentorkd.teacher.budget import Price
from mentorkd.teacher.openai import OpenAITeacher
folder, n, batch = sys.argv[1], int(sys.argv[2]), len(sys.argv) > 3  # the third: seconds after which a batch is listed
with Journal(f'{folder}/journal.jsonl') as journal:
    teacher = BatchTeacher('m', journal=journal, price=Price(1., 2.), poll=.05, settle=float(sys.argv[3])) if batch else OpenAITeacher('m', journal=journal, price=Price(1., 2.))
    start = time.monotonic()
    write_jsonl(f'{folder}/texts.jsonl', [dict(id=i, texts=t) for i, t in enumerate(teacher([Question(f'q{i}', f'Question {i}?', '5') for i in range(n)], n=1))])
    print(json.dumps(dict(open=len(journal.open_intents), cpu=time.process_time(), seconds=time.monotonic() - start, requests=teacher.limiter and teacher.limiter.sent, refused=teacher.limiter and teacher.limiter.refused, failed=teacher.failed, peak=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)))
'''


@pytest.fixture
def server():
    running = []

    def start(rate=0, latency=.01, trouble=0, hold=''):
        p = subprocess.Popen([sys.executable, '-c', SERVER, str(rate), str(latency), str(trouble), hold], stdout=subprocess.PIPE, text=True)
        running.append(p)
        return f'http://127.0.0.1:{int(p.stdout.readline())}'
    yield start
    for p in running: p.kill(); p.wait()


def report(url):
    from urllib.request import urlopen
    return json.loads(urlopen(f'{url}/report').read())


def hold(url, name='-'):
    "What the server does from now on; without a name nothing but answer."
    from urllib.request import urlopen
    urlopen(f'{url}/hold/{name}').read()


def ask(url, folder, n, *how):
    folder.mkdir(exist_ok=True)
    return subprocess.Popen([sys.executable, '-c', ASK, str(folder), str(n), *how], env=os.environ | dict(OPENAI_BASE_URL=f'{url}/v1', OPENAI_API_KEY='sk-secret'), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(process):
    out, err = process.communicate()
    assert process.returncode == 0, err
    return json.loads(out.splitlines()[-1])


def test_killed_and_started_again(server, tmp_path):
    quiet = server()
    finished(ask(quiet, tmp_path/'whole', 500))
    url, rng, kills = server(latency=.02), random.Random(0), 0
    while True:
        p = ask(url, tmp_path/'killed', 500)
        if kills < 5: time.sleep(rng.uniform(.7, 2.)); p.send_signal(signal.SIGKILL); kills += 1
        p.communicate()
        if p.returncode == 0: break
    assert (tmp_path/'killed/texts.jsonl').read_bytes() == (tmp_path/'whole/texts.jsonl').read_bytes()
    rows, damaged, _ = read_lines((tmp_path/'killed/journal.jsonl').read_bytes())
    done = [r['key'] for r in rows if r['is'] == 'done']
    assert damaged == 0 and len(done) == len(set(done)) == 1000
    assert sum(r['dollars'] for r in rows if r['is'] == 'done') == pytest.approx(1000*(40*1. + 20*2.)/1e6)
    at = {}
    for place, r in enumerate(rows): at.setdefault((r['key'], r['is']), []).append(place)
    assert not [k for k in set(done) if max(at[k, 'intent']) > at[k, 'done'][0]]  # never asked for once its row was on disk


def test_full_disk(server, tmp_path):
    "A limit on files' size stands for the disk: a message, and all that was answered is kept."
    url = server(latency=.05)
    (tmp_path/'full').mkdir()
    limit = 'import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))'
    p = subprocess.run([sys.executable, '-c', f'{limit}\n{ASK}', str(tmp_path/'full'), '300'], env=os.environ | dict(OPENAI_BASE_URL=f'{url}/v1', OPENAI_API_KEY='sk-secret'), capture_output=True, text=True)
    assert p.returncode == 1 and p.stderr.strip().splitlines()[-1].startswith('mentorkd.tasks.records.InputError: No space left')
    kept = [r for r in read_lines((tmp_path/'full/journal.jsonl').read_bytes())[0] if r['is'] == 'done']
    assert 0 < len(kept) == report(url)['answered'] < 600
    finished(ask(url, tmp_path/'full', 300))
    assert report(url)['answered'] == 600 and report(url)['twice'] == 0


def test_full_past_the_journal(server, tmp_path):
    "All is paid for, and there is no room for what is made of it: a message in three parts."
    url, asked = server(), (*numbered(tmp_path, 30), '--n', '1', '--out', 'a')
    assert mentorkd(tmp_path, url, 'annotate', *asked).returncode == 0
    written = (tmp_path/'a/teacher.jsonl').read_bytes(); (tmp_path/'a/teacher.jsonl').unlink()
    full = mentorkd(tmp_path, url, 'annotate', *asked, before='import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))')
    assert full.returncode == 2 and 'mentorkd: No space left' in full.stderr and 'Traceback' not in full.stderr and not (tmp_path/'a/teacher.jsonl').exists(), full.stderr
    assert mentorkd(tmp_path, url, 'annotate', *asked).returncode == 0 and (tmp_path/'a/teacher.jsonl').read_bytes() == written and report(url)['answered'] == 60


def test_rate(server, tmp_path):
    url, rate = server(rate=100, latency=.2), 100
    seen = finished(ask(url, tmp_path/'rate', 500))
    assert not seen['failed'] and report(url)['twice'] == 0
    assert seen['refused'] <= .05*seen['requests'], seen


def test_trouble(server, tmp_path):
    "Failures of the server, connections that are cut in the middle or dropped before an answer, and broken JSON are tried again; nothing of another library is thrown."
    seen = finished(ask(server(trouble=.1), tmp_path/'trouble', 60))
    texts = [json.loads(line)['texts'] for line in (tmp_path/'trouble/texts.jsonl').read_text().splitlines()]
    assert len(texts) == 60 and sum(map(len, texts)) == 60 - len(seen['failed']) >= 50


def test_the_older_endpoint(server, tmp_path):
    "One text in, one out, through the same troubles; and a model there that knows no `max_tokens`."
    asked = (*numbered(tmp_path, 12), '--n', '2', '--endpoint', 'completions')
    done = mentorkd(tmp_path, server(trouble=.1), 'annotate', *asked, '--out', 'a')
    assert done.returncode == 0 and '24 attempts at 12 questions: 24 correct' in done.stdout, done.stdout + done.stderr
    old = mentorkd(tmp_path, server(hold='old'), 'annotate', *asked, '--out', 'old')
    assert old.returncode == 0 and '24 attempts at 12 questions: 24 correct' in old.stdout and 'm refuses max_tokens: asked without it' in old.stderr, old.stderr
    assert (tmp_path/'old/teacher.jsonl').read_bytes() == (tmp_path/'a/teacher.jsonl').read_bytes()


def test_dropped(server, tmp_path):
    "Every connection is dropped without a word, then none: a clear end, nothing counted as answered, and all of it the next time."
    url, asked = server(hold='drop'), (*numbered(tmp_path, 6), '--n', '1', '--out', 'a')
    dropped = mentorkd(tmp_path, url, 'annotate', *asked)
    assert dropped.returncode == 2 and 'No answer from the endpoint' in dropped.stderr and 'Traceback' not in dropped.stderr, dropped.stderr
    possibly = json.loads((tmp_path/'a/report.json').read_text())
    assert possibly['dollars'] == 0 and possibly['in_flight'] > 0 and possibly['in_flight_dollars'] > 0  # it came there, and nobody knows
    hold(url)
    done = mentorkd(tmp_path, url, 'annotate', *asked)
    assert done.returncode == 0 and '6 attempts at 6 questions' in done.stdout and 'possibly spent beside that: $0' in done.stdout.replace('\n', ' '), done.stdout
    assert report(url)['answered'] == 12 and report(url)['twice'] == 0


def test_asked_to_wait_until_a_date(server, tmp_path):
    url = server(hold='date')
    assert not finished(ask(url, tmp_path/'date', 1))['failed']
    told = report(url)
    assert told['asked'] == 3 and told['then'] >= told['until']
    out, err = ask(server(hold='tomorrow'), tmp_path/'tomorrow', 3).communicate()
    assert 'InputError: The endpoint asks for a pause of 40000 s' in err.strip().splitlines()[-1]


def test_until_correct_is_resumed(server, tmp_path):
    "Killed under a cap and started again: no request twice, no question lost, the attempts of an undisturbed run."
    asked = ('--questions', 'q.jsonl', '--answer-kind', 'number', '--teacher', 'openai:m', '--price-read', '1', '--price-written', '2', '--split', 'all', '--until-correct', '2', '--tries', '4')
    rows = [dict(question=f'What is 3 + 2, asked for the {i}th time?', answer='5' if i % 4 else '6', split='train') for i in range(60)]
    (tmp_path/'q.jsonl').write_text('\n'.join(map(json.dumps, rows)))
    quiet, url = server(), server(latency=.1)
    whole = mentorkd(tmp_path, quiet, 'annotate', *asked, '--out', 'whole')
    assert '150 attempts at 60 questions: 90 correct' in whole.stdout and '15 never solved' in whole.stdout, whole.stderr
    p = subprocess.Popen([sys.executable, '-c', 'from mentorkd.cli.cli import main; main()', 'annotate', *asked, '--out', 'killed', '--max-usd', '.08'], cwd=tmp_path, env=os.environ | dict(OPENAI_BASE_URL=f'{url}/v1', OPENAI_API_KEY='none'), stderr=subprocess.DEVNULL)
    while report(url)['answered'] < 60: time.sleep(.02)
    p.send_signal(signal.SIGKILL); p.wait()
    assert not (tmp_path/'killed/teacher.jsonl').exists()
    done = mentorkd(tmp_path, url, 'annotate', *asked, '--out', 'killed', '--max-usd', '.08')
    assert done.returncode == 0, done.stderr
    assert (tmp_path/'killed/teacher.jsonl').read_bytes() == (tmp_path/'whole/teacher.jsonl').read_bytes()
    in_flight = json.loads((tmp_path/'killed/report.json').read_text())['in_flight']
    assert report(url)['answered'] - 300 <= in_flight and report(quiet)['answered'] == 300
    fewer = mentorkd(tmp_path, quiet, 'annotate', *asked[:-4], '--n', '1', '--out', 'whole')
    assert '60 attempts at 60 questions: 45 correct' in fewer.stdout and '90 attempts more are in the file' in fewer.stdout and report(quiet)['answered'] == 300
    assert (tmp_path/'killed/teacher.jsonl').read_bytes() == (tmp_path/'whole/teacher.jsonl').read_bytes()


def numbered(folder, n):
    (folder/'q.jsonl').write_text('\n'.join(json.dumps(dict(question=f'What is 3 + 2, asked for the {i}th time?', answer='5', split='train')) for i in range(n)))
    return '--questions', 'q.jsonl', '--answer-kind', 'number', '--teacher', 'openai:m', '--split', 'all', '--price-read', '1', '--price-written', '2'


def test_an_outage_ends_it(server, tmp_path):
    "Not one question after the other is set aside; what was paid for is kept, and the same command goes on."
    url, asked = server(hold='down'), (*numbered(tmp_path, 200), '--n', '1', '--workers', '8', '--request-tries', '2', '--out', 'a')
    stopped = mentorkd(tmp_path, url, 'annotate', *asked)
    assert stopped.returncode == 2 and 'The endpoint failed 5 questions in a row' in stopped.stderr.replace('\n', ' '), stopped.stderr
    kept = [r for r in read_lines((tmp_path/'a/journal.jsonl').read_bytes())[0] if r['is'] == 'done']
    assert report(url)['answered'] == len(kept) >= 40 and report(url)['asked'] < 100
    hold(url)
    done = mentorkd(tmp_path, url, 'annotate', *asked)
    assert done.returncode == 0 and '200 attempts at 200 questions' in done.stdout, done.stderr
    assert report(url)['answered'] == 400 and report(url)['twice'] == 0


def test_a_slow_server(server, tmp_path):
    "One answer at a time: places are taken back when answers come too late, and nobody is set aside."
    url = server(hold='slow')
    done = mentorkd(tmp_path, url, 'annotate', *numbered(tmp_path, 30), '--n', '1', '--timeout', '.7', '--out', 'a')
    assert done.returncode == 0 and '30 attempts at 30 questions: 30 correct' in done.stdout and 'set aside' not in done.stdout, done.stdout + done.stderr
    assert report(url)['asked'] < 90
    one = mentorkd(tmp_path, url, 'annotate', *numbered(tmp_path, 5), '--n', '2', '--workers', '1', '--timeout', '5', '--out', 'one')
    assert one.returncode == 0 and report(url)['asked'] < 110 and json.loads((tmp_path/'one/report.json').read_text())['in_flight'] == 0
    late = mentorkd(tmp_path, url, 'annotate', *numbered(tmp_path, 5), '--n', '1', '--timeout', '.05', '--out', 'late')
    assert late.returncode == 2 and '--timeout' in late.stderr and 'Traceback' not in late.stderr


def test_set_aside(server, tmp_path):
    "A question that keeps failing: the others go on, and the next command asks it alone."
    url, asked = server(hold='never'), (*numbered(tmp_path, 12), '--n', '2', '--request-tries', '2', '--out', 'a')
    some = mentorkd(tmp_path, url, 'annotate', *asked)
    assert some.returncode == 0 and '22 attempts at 12 questions' in some.stdout and '1 questions were set aside, 2 samples of them' in some.stdout.replace('\n', ' '), some.stdout
    hold(url); before = report(url)['asked']
    assert '24 attempts at 12 questions' in mentorkd(tmp_path, url, 'annotate', *asked).stdout and report(url)['asked'] == before + 4


def test_tokens_by_tiktoken(monkeypatch):
    tiktoken = pytest.importorskip('tiktoken')
    from mentorkd.teacher.quote import _coder, count_tokens
    small = tiktoken.Encoding('small', pat_str=r'\w+|\W', mergeable_ranks={bytes([b]): b for b in range(256)} | {b'th': 256, b'the': 257}, special_tokens={'<|endoftext|>': 258})
    monkeypatch.setattr(tiktoken, 'encoding_for_model', lambda model: small)
    _coder.cache_clear()
    assert count_tokens(['the th', '<|endoftext|>'], 'm') == (3 + 13, 'tiktoken')

    def unreachable(*how, **more): raise OSError('no network')
    monkeypatch.undo(); monkeypatch.setattr('tiktoken.load.read_file', unreachable); monkeypatch.setenv('TIKTOKEN_CACHE_DIR', '')
    _coder.cache_clear()
    assert count_tokens(['the th'], 'gpt-4o') == (2, "four characters a token; tiktoken's table for gpt-4o could not be read (OSError)")
    assert count_tokens(['the th'], 'my-own')[1] == 'four characters a token; tiktoken does not know my-own'
    _coder.cache_clear()


def test_batch(server, tmp_path):
    "Results in no order and rows that fail: the texts are those of requests one by one, and only what failed is sent again."
    url = server(trouble=1)
    finished(ask(server(), tmp_path/'one-by-one', 40))
    seen = finished(ask(url, tmp_path/'batch', 40, '1'))
    assert (tmp_path/'batch/texts.jsonl').read_bytes() == (tmp_path/'one-by-one/texts.jsonl').read_bytes()
    told = report(url)
    failed = sum(told['batches']) - 80
    assert told['batches'][0] == 40 and 0 < failed < 40 and told['twice'] == 0 and seen['open'] == 0
    assert all(n <= 2 for n in told['tried'].values()) and sum(n == 2 for n in told['tried'].values()) == failed
    dollars = [sum(r['dollars'] for r in read_lines((tmp_path/name/'journal.jsonl').read_bytes())[0] if r['is'] == 'done') for name in ('batch', 'one-by-one')]
    assert dollars[0] == pytest.approx(dollars[1]/2)


@pytest.mark.parametrize('hold', ['before', 'after'])
def test_batch_killed(server, tmp_path, hold):
    "Killed between the nonce and the submission, and between the submission and its note."
    url = server(hold=hold)
    p = ask(url, tmp_path/'batch', 20, '30')
    while report(url).get('submitted', 0) == 0: time.sleep(.05)
    p.send_signal(signal.SIGKILL); p.communicate()
    kinds = [r['is'] for r in read_lines((tmp_path/'batch/journal.jsonl').read_bytes())[0]]
    assert kinds.count('batch') == 1 and 'sent' not in kinds
    seen = finished(ask(url, tmp_path/'batch', 20, '30' if hold == 'after' else '1'))  # that there is none is believed after a second here
    assert report(url)['batches'] == [20, 20] and report(url)['twice'] == 0 and seen['open'] == 0
    assert report(url)['submitted'] == (3 if hold == 'before' else 2)
    assert [len(json.loads(line)['texts']) for line in (tmp_path/'batch/texts.jsonl').read_text().splitlines()] == [1]*20


def test_unreachable(tmp_path):
    out, err = ask('http://127.0.0.1:9', tmp_path/'none', 1).communicate()
    assert err.strip().splitlines()[-1].startswith('mentorkd.tasks.records.InputError: No answer from the endpoint')


def mentorkd(folder, url, *words, before=''):
    return subprocess.run([sys.executable, '-c', f'{before}\nfrom mentorkd.cli.cli import main; main()', *words], cwd=folder, env=os.environ | dict(OPENAI_BASE_URL=f'{url}/v1', OPENAI_API_KEY='sk-secret'), capture_output=True, text=True)


def some_questions(folder):
    (folder/'q.jsonl').write_text(''.join(json.dumps(dict(question=f'What is 3 + 2, asked for the {i}th time?', answer='5', split='train')) + '\n' for i in range(4)))
    return '--questions', 'q.jsonl', '--answer-kind', 'number', '--teacher', 'openai:m', '--split', 'all'


def test_the_key_is_nowhere(server, tmp_path):
    "Not in what is printed, nor in any file: when all is well, when rows fail, when the endpoint quotes the key, when there is no endpoint."
    asked, price, said = some_questions(tmp_path), ('--price-read', '1', '--price-written', '2'), []
    url, quoting = server(trouble=.2), server(hold='quote')
    for out, at, more in (('well', url, ()), ('batch', url, ('--batch',)), ('capped', url, ('--max-usd', '0.002')), ('refused', quoting, ()), ('refused-batch', quoting, ('--batch',)), ('none', 'http://127.0.0.1:9', ())):
        p = mentorkd(tmp_path, at, 'annotate', *asked, *price, '--n', '1', '--out', out, *more); said.append(p.stdout + p.stderr)
        assert p.returncode == (0 if out in ('well', 'batch') else 2), p.stderr
    assert '…' in said[3] and '…' in said[4]  # where the key was quoted
    said += [''.join(ask(at, tmp_path/f'python-{i}', 4).communicate()) for i, at in enumerate((url, quoting))]
    files = [f for f in tmp_path.rglob('*') if f.is_file()]
    assert len(files) > 8 and not [t for t in said if 'sk-secret' in t] and not [f for f in files if b'sk-secret' in f.read_bytes()]


def test_plain_http_to_another_machine_needs_a_flag(tmp_path):
    asked = some_questions(tmp_path)
    refused = mentorkd(tmp_path, 'http://192.0.2.1', 'annotate', *asked, '--out', 'a')
    assert refused.returncode == 2 and 'plain http to 192.0.2.1' in refused.stderr and '--allow-http' in refused.stderr and not (tmp_path/'a').exists()


def test_command_line(server, tmp_path):
    url = server()
    asked = some_questions(tmp_path)
    price = ('--price-read', '1', '--price-written', '2')
    assert mentorkd(tmp_path, url, 'quote', *asked).returncode == mentorkd(tmp_path, url, 'annotate', *asked, '--out', 'a', '--max-usd', '1').returncode == 2  # no price is known for m
    assert not (tmp_path/'a').exists()
    assert re.search(r'(?s)4 questions\s+to m,.*?\n +calls +48 +48\n', mentorkd(tmp_path, url, 'quote', *asked, *price).stdout)
    assert report(url)['asked'] == 0
    pilot = mentorkd(tmp_path, url, 'quote', *asked, *price, '--pilot', '2', '--out', 'a')
    assert 'a pilot of 2 questions' in pilot.stdout, pilot.stderr
    assert report(url)['asked'] == 24
    done = mentorkd(tmp_path, url, 'annotate', *asked, *price, '--out', 'a')
    assert '24 attempts at 4 questions: 24 correct' in done.stdout, done.stderr
    left = mentorkd(tmp_path, url, 'quote', *asked, *price, '--out', 'a')
    assert '48 calls are paid for already' in left.stdout and re.search(r'\n +calls +0 +0\n', left.stdout), left.stderr
    assert re.search(r'\n +calls +16 +16\n', mentorkd(tmp_path, url, 'quote', *asked, *price, '--n', '8', '--out', 'a').stdout)
    played = mentorkd(tmp_path, url, 'import-annotations', 'a/journal.jsonl', *asked[:4], '--out', 'played')
    own = mentorkd(tmp_path, url, 'import-annotations', 'a', *asked[:4], '--out', 'own')
    assert (tmp_path/'own/teacher.jsonl').read_bytes() == (tmp_path/'a/teacher.jsonl').read_bytes(), own.stderr
    assert '24 attempts at 4 questions, 24 correct' in played.stdout, played.stderr
    assert (tmp_path/'played/teacher.jsonl').read_bytes() == (tmp_path/'a/teacher.jsonl').read_bytes()
    assert report(url)['asked'] == 48 and report(url)['twice'] == 0
    batch = mentorkd(tmp_path, url, 'annotate', *asked, *price, '--out', 'batch', '--batch', '--n', '2')
    assert '8 attempts at 4 questions: 8 correct' in batch.stdout and 'batch-1: completed' in batch.stderr, batch.stderr
    capped = mentorkd(tmp_path, url, 'annotate', *asked, *price, '--out', 'b', '--max-usd', '0.0021')
    assert capped.returncode == 2 and 'the cap is $0.0021' in capped.stderr
    unknown = mentorkd(tmp_path, url, 'annotate', *asked, '--out', 'c', '--n', '1')
    assert unknown.returncode == 0 and 'dollars unknown for these rows' in unknown.stdout


def test_which_questions_are_asked(server, tmp_path):
    "Train unless told otherwise; what was bought of the others stays in the file."
    url = server()
    (tmp_path/'q.jsonl').write_text('\n'.join(json.dumps(dict(question=f'What is 3 + 2, number {i}?', answer='5', split=s)) for i, s in enumerate(['train']*5 + ['dev']*2 + ['test']*3)))
    words = ('--questions', 'q.jsonl', '--answer-kind', 'number', '--teacher', 'openai:m', '--price-read', '1', '--price-written', '2', '--n', '1')
    assert '5 train questions; 2 dev and 3 test are not asked (--split)\n5 questions to m' in mentorkd(tmp_path, url, 'quote', *words).stdout
    assert mentorkd(tmp_path, url, 'annotate', *words, '--out', 'a').returncode == 0 and report(url)['asked'] == 10
    more = mentorkd(tmp_path, url, 'annotate', *words, '--out', 'a', '--split', 'test')
    assert report(url)['asked'] == 16 and '3 test questions; 5 train and 2 dev are not asked' in more.stderr and '5 attempts more are in the file' in more.stdout
    assert len((tmp_path/'a/teacher.jsonl').read_text().splitlines()) == 8
    everything = mentorkd(tmp_path, url, 'quote', *words, '--split', 'all', '--pilot', '4', '--out', 'a')
    assert '5 train and 2 dev and 3 test questions\n10 questions to m' in everything.stdout and 'a pilot of 4 questions' in everything.stdout, everything.stderr
    assert report(url)['twice'] == 0
    wrong = mentorkd(tmp_path, url, 'annotate', *words, '--out', 'b', '--split', 'trian')
    assert wrong.returncode == 2 and '--split trian' in wrong.stderr and not (tmp_path/'b').exists()
