"""The code of docs/api.md and of the README runs as it is printed, except for the address and the key."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from redis import Redis

from jobs.record import JobRecord, JobStatus, now
from jobs.webhooks.message import Signer, build_message, message_id
from model_core.options import ScoreOptions
from model_core.results import Variant
from service.auth.keys import digest, new_key
from service.openapi.examples import JOB
from tests.conftest import MakeSettings
from tests.processes import ROOT, start_worker, until
from tests.service.conftest import serving
from tests.service.page_worker import UNTIL_CANCELED

PAGE = (ROOT / "docs/api.md").read_text()
ADDRESS = "http://127.0.0.1:8000"
KEY = r"v2m_\w{43}"
NAMED_ON_THE_PAGE = ("V2M_URL", "V2M_API_KEY")
# An answer that is no success ends the script. Where the page says --fail, the other option must not be there.
CURL = 'curl() { [[ "$*" == *--fail* ]] || set -- --fail-with-body "$@"; command curl --silent --show-error "$@"; }'
Run = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


def blocks(language: str) -> list[str]:
    """The page's blocks of code in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


SETUP, WAY, *_ = TYPED = blocks("sh")


@pytest.fixture
def folder(tmp_path: Path, clip: Path) -> Path:
    """One with a clip, where things are typed."""
    folder = tmp_path / "typed"
    folder.mkdir()
    shutil.copyfile(clip, folder / "clip.mp4")
    return folder


@pytest.fixture
def run(make_settings: MakeSettings, redis: Redis, folder: Path) -> Iterator[Run]:
    """Runs bash with these arguments in front of a real API with a key and a worker; it knows what it is told alone."""
    key = new_key()
    settings = make_settings(api_keys=f"alice:{digest(key.encode()).hex()}")
    environment = {name: value for name, value in os.environ.items() if name not in NAMED_ON_THE_PAGE}
    worker = start_worker(settings, redis, "tests.service.page_worker")
    try:
        with serving(settings) as http:

            def run(*arguments: str, key: str = key) -> subprocess.CompletedProcess[str]:
                own = [re.sub(KEY, key, argument).replace(ADDRESS, address(http)) for argument in arguments]
                return subprocess.run(
                    ["bash", *own], cwd=folder, env=environment, capture_output=True, text=True, timeout=120
                )

            yield run
    finally:
        worker.kill()
        worker.wait()


def address(http: httpx.Client) -> str:
    """Of the API."""
    return str(http.base_url).rstrip("/")


def said(done: subprocess.CompletedProcess[str]) -> str:
    """What a command printed, which went well."""
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def test_what_the_page_tells_people_to_type_works_in_its_order(run: Run, folder: Path, clip: Path) -> None:
    assert len(TYPED) >= 12
    assert UNTIL_CANCELED in "".join(TYPED)
    told = said(run("-xeuo", "pipefail", "-c", "\n".join([CURL, *TYPED])))
    for name in ("scored.mp4", "again.mp4"):
        assert (folder / name).read_bytes() == clip.read_bytes()
    assert (folder / "curve.json").read_text()
    named = sorted(re.sub("[0-9a-f]{8}", "JOB", path.name) for path in folder.glob("v2m-*"))
    assert named == ["v2m-JOB-midi.mid", "v2m-JOB-video.mp4"]
    for answer in ('"status":"completed"', '"jobs":[{', "event: job", "idempotent-replayed: true", "audio/wav"):
        assert answer in told


def test_the_other_ways_through_need_no_more_than_the_page_says(run: Run, folder: Path, clip: Path) -> None:
    program, _receiver = blocks("python")
    assert "completed" in said(run("-euc", f'{SETUP}\n"$0" -c "$1"', sys.executable, program))
    assert (folder / "scored-by-python.mp4").read_bytes() == clip.read_bytes()

    (command,) = re.findall(r"^`v2m (submit clip\.mp4 [^`]*)`", PAGE, re.MULTILINE)
    assert said(run("-euc", f'{SETUP}\n"$0" -m cli.main {command}', sys.executable)) == "clip-scored.mp4\n"
    assert (folder / "clip-scored.mp4").read_bytes() == clip.read_bytes()


def test_an_upload_that_is_refused_ends_what_was_typed_and_fetches_nothing(run: Run, folder: Path) -> None:
    """As in a terminal, where a command that fails does not keep the next from being run."""
    unknown = run("-c", f"{SETUP}\n{WAY}", key=new_key())
    assert "unauthorized" in unknown.stderr
    wrong = WAY.replace('{"seed": 7}', '{"sead": 7}')
    refused = run("-c", f"{SETUP}\n{wrong}")
    assert "options.sead" in refused.stderr
    assert 0 not in (unknown.returncode, refused.returncode)
    assert [path.name for path in folder.iterdir()] == ["clip.mp4"]


def test_the_program_of_the_readme_runs_as_it_is_printed(
    make_settings: MakeSettings, redis: Redis, folder: Path, clip: Path
) -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    (folder / "clip.mp4").rename(folder / "holiday.mp4")
    settings = make_settings()
    worker = start_worker(settings, redis)
    try:
        with serving(settings) as http:
            printed = program.replace(ADDRESS, address(http))
            ran = subprocess.run(
                [sys.executable, "-c", printed], cwd=folder, capture_output=True, text=True, timeout=60
            )
            assert said(ran) == ""
    finally:
        worker.kill()
        worker.wait()
    assert (folder / "scored.mp4").read_bytes() == clip.read_bytes()


def test_the_receiver_of_webhooks_takes_events_and_refuses_forgeries(tmp_path: Path) -> None:
    _program, receiver = blocks("python")
    (secret,) = re.findall(r'Webhook\("(whsec_[^"]+)"\)', receiver)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-c", receiver.replace("8080", str(port))], cwd=tmp_path, text=True, stdout=subprocess.PIPE
    )
    try:
        ended = JobRecord.new("", ScoreOptions(), {}).model_copy(update={"status": JobStatus.CANCELED})
        body = build_message(ended)
        headers = Signer(secret).headers(message_id(ended), body, now())
        url = f"http://127.0.0.1:{port}/hooks/v2m"
        until(lambda: answers(url), "the receiver to listen")
        assert httpx.post(url, content=body, headers=headers).status_code == 204
        assert httpx.post(url, content=body + " ", headers=headers).status_code == 400
        assert process.stdout is not None
        assert process.stdout.readline() == f"job.canceled {ended.id}\n"
    finally:
        process.kill()
        process.communicate()


def answers(url: str) -> bool:
    """True once a server answers, whatever it says."""
    try:
        httpx.get(url)
    except httpx.TransportError:
        return False
    return True


def test_links_lead_to_sections_of_the_page() -> None:
    headings = re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-") for heading in headings}
    texts = {path.name: path.read_text() for path in [*(ROOT / "docs").glob("*.md"), ROOT / "README.md"]}
    for name, text in texts.items():
        linked = re.findall(r"\(#([^)]+)\)" if name == "api.md" else r"api\.md#([^)]+)\)", text)
        assert set(linked) <= anchors, name


def test_the_page_shows_the_example_of_the_openapi_document() -> None:
    (job, *_others) = blocks("json")
    assert json.loads(job) == JOB


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_page_in_a_browser_goes_on_after_a_refusal(run: Run) -> None:
    (program,) = blocks("js")
    browser = (ROOT / "tests/service/page_browser.mjs").read_text()
    told = said(run("-euc", f'{SETUP}\nnode --input-type=module -e "$0"', f"{browser}\n{program}"))
    end = json.loads(told.splitlines()[-1])
    assert end["asked"] == {"links": 4, "events": 2}
    assert re.search(r"/content\?.*variant=video", end["player"]["src"])


def test_every_result_is_in_the_table() -> None:
    for variant in Variant:
        assert f"\n| `{variant}`" in PAGE
