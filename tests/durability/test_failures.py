"""Whatever fails of what is done to files, and whenever memory runs out: one line says so, no half
a result has its name, and the same command makes it the next time.
"""

from __future__ import annotations

import errno
import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
from click.testing import CliRunner

from filmcolor.cli import commands
from filmcolor.errors import FilmcolorError
from filmcolor.events import PictureDone
from filmcolor.jobs import pictures
from filmcolor.jobs.pictures import color_pictures
from filmcolor.media.write import segment
from filmcolor.memory import NO_MEMORY, is_out_of_memory
from filmcolor.stages import infer
from tests.durability.journals import TINY, Job, facts, film_job, frames_job, pictures_job
from tests.helpers.failures import Failures

MAKERS: dict[str, Callable[[Path], Job]] = {
    "film": film_job,
    "frames": frames_job,
    "pictures": pictures_job,
}
CODES = [errno.ENOSPC, errno.EIO, errno.EACCES, errno.EINTR]
ALLOCATIONS = [
    MemoryError(),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
    cv2.error("OpenCV(5.0.0) error: (-4:Insufficient memory) Failed to allocate 9 bytes"),
]
"""As Python and numpy, torch, and OpenCV say it."""


def check(job: Job, whole: dict[str, str], failures: Failures) -> bool:
    """Do a job with failures, then without; whether there was one."""
    shutil.rmtree(job.root)
    (job.root / "out").mkdir(parents=True)
    try:
        with failures.failing():
            job.do()
    except FilmcolorError as error:
        assert str(error) and "\n" not in str(error)
    if not failures.failed:
        return False
    left = facts(job.root)
    assert all(left[name] == whole[name] for name in whole.keys() & left.keys())
    if failures.once:
        assert not [name for name in left if name not in whole and ".work/" not in name]
    try:
        job.do()
    except FilmcolorError as error:  # the failure came after all was done
        assert "is there already" in str(error)
    left = facts(job.root)
    assert {name: left.get(name) for name in whole} == whole
    assert not [name for name in left if name not in whole and ".work/" not in name]
    return True


def fail_each(job: Job, codes: list[int], *, first: int = 1, step: int = 1) -> None:
    """Let the N-th operation fail, and all from the N-th on, for every N until none fails."""
    job.do()
    whole = facts(job.root)
    for code, once in itertools.product(codes, (True, False)):
        for nth in itertools.count(first, step):
            failures = Failures(job.root, code, nth, once=once)
            try:
                if not check(job, whole, failures):
                    break
            except Exception as error:
                error.add_note(f"{errno.errorcode[code]} {nth}, once: {once}: {failures.failed}")
                raise


@pytest.mark.e2e
@pytest.mark.parametrize("code", CODES)
def test_some_operations_fail(code: int, tmp_path: Path) -> None:
    fail_each(pictures_job(tmp_path), [code], first=1 + CODES.index(code), step=9)


@pytest.mark.e2e
def test_some_operations_of_a_film_fail(tmp_path: Path) -> None:
    fail_each(film_job(tmp_path), [errno.ENOSPC], first=9, step=40)


@pytest.mark.full
@pytest.mark.slow
@pytest.mark.parametrize("name", MAKERS)
def test_each_operation_fails(name: str, tmp_path: Path) -> None:
    fail_each(MAKERS[name](tmp_path), CODES)


def running_out(call: Callable[..., object], error: Exception, nth: int) -> Callable[..., object]:
    """A function whose N-th call finds no memory."""
    calls = itertools.count(1)

    def tried(*args: object, **kwargs: object) -> object:
        if next(calls) == nth:
            raise error
        return call(*args, **kwargs)

    return tried


@pytest.mark.parametrize("error", ALLOCATIONS, ids=["numpy", "torch", "opencv"])
@pytest.mark.parametrize("name", ["read_picture", "PictureChroma", "write_picture"])
def test_a_picture_without_memory_is_told_and_the_others_are_made(
    name: str, error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = pictures_job(tmp_path)
    job.do()
    whole = facts(job.root)
    shutil.rmtree(job.root)
    with monkeypatch.context() as patched:
        patched.setattr(pictures, name, running_out(getattr(pictures, name), error, 3))
        events = color_pictures(str(tmp_path / "in"), str(job.root / "out"), TINY)
        failed = {
            Path(event.source).name: event.reason
            for event in events
            if isinstance(event, PictureDone) and event.status == "failed"
        }
    assert failed == {"2.jpg": NO_MEMORY}
    assert facts(job.root) == {name: each for name, each in whole.items() if "2.jpg" not in name}
    job.do()
    assert facts(job.root) == whole


@pytest.mark.parametrize("error", ALLOCATIONS, ids=["numpy", "torch", "opencv"])
def test_a_lone_picture_without_memory_ends_with_a_line(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures_job(tmp_path)
    monkeypatch.setattr(pictures, "PictureChroma", running_out(pictures.PictureChroma, error, 1))
    arguments = ["run", str(tmp_path / "in" / "0.jpg"), "-o", str(tmp_path / "o.jpg")]
    ended = CliRunner().invoke(commands, [*arguments, "--model", TINY.color.model, "--size", "64"])
    assert ended.exit_code == 1
    assert ended.stderr.splitlines()[-1] == f"Error: {NO_MEMORY}"
    assert not (tmp_path / "o.jpg").exists()


@pytest.mark.e2e
def test_a_batch_without_memory_is_halved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = film_job(tmp_path)
    monkeypatch.setattr(infer, "_run", running_out(infer._run, ALLOCATIONS[1], 2))
    job.do()
    assert [path.name for path in (job.root / "out").iterdir()] == ["film.mkv"]


@pytest.mark.e2e
def test_a_film_that_found_no_memory_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = film_job(tmp_path)
    with monkeypatch.context() as patched:
        no_room = running_out(segment.encoder_picture, MemoryError(), 50)
        patched.setattr(segment, "encoder_picture", no_room)
        with pytest.raises(MemoryError):
            job.do()
    assert not (job.root / "out" / "film.mkv").exists()
    assert "going on with earlier work: 1 of 3 parts are done" in job.do()


def test_errors_of_other_kinds_are_not_of_memory() -> None:
    assert all(map(is_out_of_memory, ALLOCATIONS))
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_out_of_memory(FilmcolorError("out of memory on cpu with a single frame"))
