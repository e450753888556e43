"""Films on a Ray cluster: the frames of a plain run, also when a node dies in the middle."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from filmcolor.cli import main
from filmcolor.errors import JobError
from filmcolor.jobs.ray_actors import FilmActor, sizes
from filmcolor.options import ColorOptions, RunOptions
from filmcolor.segments.workplace import default_folder
from tests.helpers.clips import make_clip
from tests.helpers.play import is_running, start
from tests.segments.test_run import in_ledger, planes, same

HAS_RAY = importlib.util.find_spec("ray") is not None
needs_ray = pytest.mark.skipif(not HAS_RAY, reason="Ray is not installed: filmcolor[ray]")

OPTIONS = ["--device", "cpu", "--size", "64", "--codec", "ffv1"]


@pytest.fixture(scope="module")
def cluster() -> Iterator[dict[str, str | int]]:
    """Address, and number of the second node's process."""
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).parents[1] / "helpers" / "ray_of_two.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait(60)
        process.stdout.close()


@pytest.fixture
def reels(tmp_path: Path) -> Path:
    """A folder with a film of several segments, a short one, and a damaged one."""
    folder = tmp_path / "reels"
    (folder / "deep").mkdir(parents=True)
    cuts = [22, 50, 53, 80]
    make_clip(folder / "long.mkv", frames=240, width=64, height=48, rate=Fraction(4), cuts=cuts)
    make_clip(folder / "deep" / "short.mkv", frames=8, width=64, height=48)
    (folder / "bad.mkv").write_bytes(b"no film at all")
    return folder


def relatives(pid: int) -> list[int]:
    """A process and its children."""
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout
    return [pid, *map(int, found.split())]


@needs_ray
@pytest.mark.process
@pytest.mark.slow
def test_a_node_dies_in_the_middle(
    reels: Path, cluster: dict[str, str | int], tmp_path: Path
) -> None:
    out, plain, address = tmp_path / "out", tmp_path / "plain", str(cluster["address"])
    arguments = ["run", str(reels), "-o", str(out), *OPTIONS, "--json", "--keep-work"]
    process = start(*arguments, "--ray", address)
    folder = out / ".long.mkv.work"
    until = time.monotonic() + 200
    doomed = set(relatives(int(cluster["second"])))
    while not doomed & at_work(folder) or not in_ledger(folder):
        assert time.monotonic() < until and process.poll() is None, process.communicate()
        time.sleep(0.05)
        doomed = set(relatives(int(cluster["second"])))
    for pid in doomed:
        os.kill(pid, signal.SIGKILL)
    done_before = set(in_ledger(folder))
    output, error = process.communicate(timeout=300)
    assert process.returncode == 1, (output, error)
    events = [json.loads(line) for line in output.splitlines()]
    ends = {Path(e["source"]).name: e for e in events if e["event"] == "film"}
    assert {name: end["status"] for name, end in ends.items()} == {
        "long.mkv": "done",
        "short.mkv": "done",
        "bad.mkv": "failed",
    }
    assert any("has died" in e["text"] for e in events if e["event"] == "notice")
    count = json.loads((folder / "plan.json").read_text())["segments"]
    assert len(done_before) < count and set(in_ledger(folder)) == set(range(count))

    shutil.copytree(reels, tmp_path / "same")
    (tmp_path / "same" / "bad.mkv").unlink()
    assert (
        main(["run", str(tmp_path / "same"), "-o", str(plain), *OPTIONS, "-q", "--keep-work"]) == 0
    )
    for name in ("long.mkv", "deep/short.mkv"):
        assert same(planes(out / name), planes(plain / name))
    assert digests(folder) == digests(plain / ".long.mkv.work")

    again = start(*arguments, "--ray", address)  # on the node that is left
    output, error = again.communicate(timeout=200)
    assert again.returncode == 1, error
    assert json.loads(output.splitlines()[-1])["skipped"] == 2

    (out / "deep" / "short.mkv").unlink()
    again = start(*arguments[:-2], "--verify", "--ray", address)
    output, error = again.communicate(timeout=200)
    assert b": holds: 8 frames" in error, error
    assert b"1 done, 1 skipped, 1 failed" in error, error


@needs_ray
@pytest.mark.process
@pytest.mark.slow
def test_actors_end_with_their_driver(
    reels: Path, cluster: dict[str, str | int], tmp_path: Path
) -> None:
    """It is killed; the next run, in another way, finds neither them nor what they made."""
    source, target, plain = reels / "long.mkv", tmp_path / "a.mkv", tmp_path / "b.mkv"
    turned = ["--hue-shift", "90", "--ray", str(cluster["address"])]
    process = start("run", str(source), "-o", str(target), *OPTIONS, *turned)
    folder, until = default_folder(str(target)), time.monotonic() + 300
    while not (actors := at_work(folder)):
        assert time.monotonic() < until and process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.kill()
    process.communicate()
    until = time.monotonic() + 60
    while any(is_running(pid) for pid in actors):
        assert time.monotonic() < until
        time.sleep(0.05)
    for name in (target, plain):
        assert main(["run", str(source), "-o", str(name), *OPTIONS, "-q"]) == 0
    assert same(planes(target), planes(plain))


def at_work(folder: Path) -> set[int]:
    """Numbers of the processes that segments are claimed by; none before the first is done."""
    if not (folder / "ledger.jsonl").exists():
        return set()
    found = set()
    for path in folder.glob("segment-*.lease"):
        with contextlib.suppress(OSError, ValueError):
            found.add(json.loads(path.read_text())["pid"])
    return found


def digests(folder: Path) -> dict[int, str]:
    """Of the composed planes of every segment."""
    lines = (folder / "ledger.jsonl").read_text().split("\n")
    return {json.loads(line)["segment"]: json.loads(line)["planes"] for line in lines if line}


@needs_ray
@pytest.mark.process
def test_a_cluster_that_is_not_there(reels: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(reels), "-o", str(reels.parent / "o"), "--ray", "127.0.0.1:1"]) == 5
    (line,) = capsys.readouterr().err.splitlines()
    assert "--ray 127.0.0.1:1: no cluster can be reached there" in line


def test_without_ray(
    reels: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(["run", str(reels), "-o", str(reels.parent / "o"), "--ray"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "Error: --ray: Ray is not installed; pip install 'filmcolor[ray]'"


def test_an_actor_says_what_it_does_not_see(tmp_path: Path) -> None:
    machine, unseen = FilmActor(1).begin([str(tmp_path), str(tmp_path / "not here")])
    assert machine and unseen == [str(tmp_path / "not here")]


@pytest.mark.parametrize(
    ("resources", "device", "workers", "size"),
    [
        ([{"CPU": 16}, {"CPU": 6}, {}], "auto", 1, (0, 4, 5)),
        ([{"CPU": 1}, {"CPU": 1}], "cpu", 1, (0, 1, 2)),
        ([{"CPU": 16, "GPU": 4}, {"CPU": 8}], "auto", 1, (1, 1, 4)),
        ([{"CPU": 16, "GPU": 4}], "cpu", 1, (0, 4, 4)),
        ([{"CPU": 8}, {"CPU": 8}], "cpu", 16, (0, 1, 16)),
    ],
)
def test_actors_fit_the_machines(
    resources: list[dict[str, float]], device: str, workers: int, size: tuple[int, int, int]
) -> None:
    nodes = [{"Alive": True, "Resources": each} for each in resources]
    nodes.append({"Alive": False, "Resources": {"CPU": 64.0, "GPU": 8.0}})
    assert sizes(nodes, RunOptions(color=ColorOptions(device=device), workers=workers)) == size
    with pytest.raises(JobError, match="no processor cores"):
        sizes([{"Alive": True, "Resources": {}}], RunOptions())
