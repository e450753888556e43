"""A film that is changed or exchanged is noticed: between two runs, and while it is coloured."""

from __future__ import annotations

import os
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import pytest

from filmcolor.errors import JobError, MediaError
from filmcolor.events import Notice, Progress
from filmcolor.jobs.film import color_film
from filmcolor.options import ColorOptions, EncodeOptions, RunOptions
from filmcolor.segments.source_fingerprint import SourceWatch, source_fingerprint
from filmcolor.segments.workplace import default_folder
from filmcolor.throttle import Throttle
from tests.helpers.clips import decode_film, make_clip

pytestmark = pytest.mark.e2e

OPTIONS = RunOptions(
    color=ColorOptions(device="cpu", size=64, smooth="none"), encode=EncodeOptions(codec="ffv1")
)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """Two films of one size; one has its second cut a frame later."""
    path = tmp_path_factory.mktemp("films") / "in.mkv"
    found = []
    for cut in (42, 43):
        make_clip(path, frames=63, rate=Fraction(4), cuts=[21, cut], codec="rawvideo")
        found.append(path.read_bytes())
    one, two = found
    assert len(one) == len(two) and one != two
    return one, two


def test_every_byte_of_a_small_film_counts(tmp_path: Path) -> None:
    path, size = tmp_path / "film", 3_000_001
    path.write_bytes(bytes(size))
    os.utime(path, ns=(0, 1_000_000_007))
    seen = {source_fingerprint(str(path))}
    for place in (0, 10, 1_100_000, size // 2, 2_345_678, size - 1):
        content = bytearray(size)
        content[place] = 1
        path.write_bytes(content)
        os.utime(path, ns=(0, 1_000_000_007))
        seen.add(source_fingerprint(str(path)))
    assert len(seen) == 7


def test_size_and_time_of_a_large_film_count(tmp_path: Path) -> None:
    path = tmp_path / "film"
    path.write_bytes(b"")
    os.truncate(path, 40 << 20)
    os.utime(path, ns=(0, 1_000_000_007))
    first = source_fingerprint(str(path))
    assert source_fingerprint(str(path)) == first
    os.utime(path, ns=(5, 1_000_000_008))
    assert source_fingerprint(str(path)) != first
    os.truncate(path, (40 << 20) + 1)
    os.utime(path, ns=(0, 1_000_000_007))
    assert source_fingerprint(str(path)) != first
    os.truncate(path, 40 << 20)
    os.utime(path, ns=(0, 1_000_000_007))
    assert source_fingerprint(str(path)) == first
    with path.open("r+b") as file:  # 1 MB somewhere is seen
        file.seek(23_000_000)
        file.write(b"\x01" * 1_300_000)
    os.utime(path, ns=(0, 1_000_000_007))
    assert source_fingerprint(str(path)) != first
    with pytest.raises(MediaError, match="none: cannot be read"):
        source_fingerprint(str(tmp_path / "none"))


def test_what_is_only_touched_is_the_same_film(tmp_path: Path) -> None:
    path = tmp_path / "film"
    path.write_bytes(b"film")
    watch = SourceWatch(str(path), source_fingerprint(str(path)))
    watch.check()
    path.chmod(0o600)
    path.rename(tmp_path / "away")
    with pytest.raises(MediaError, match="film: cannot be read"):
        watch.check()
    (tmp_path / "away").rename(path)
    watch.check()
    facts = path.stat()
    path.write_bytes(b"Film")
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    with pytest.raises(JobError, match="was changed while it was coloured"):
        watch.check()


@pytest.mark.parametrize("way", ["exchanged", "written over"])
def test_parts_of_two_films_are_never_joined(
    films: tuple[bytes, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
) -> None:
    monkeypatch.setattr("filmcolor.segments.make.Throttle", partial(Throttle, 0.0))
    source, target = tmp_path / "in.mkv", tmp_path / "out.mkv"
    source.write_bytes(films[0])
    folder = default_folder(str(target))

    def change() -> None:
        if way == "written over":
            with source.open("r+b") as file:
                file.write(films[1])
        else:
            (tmp_path / "new.mkv").write_bytes(films[1])
            (tmp_path / "new.mkv").replace(source)

    job = color_film(str(source), str(target), OPTIONS)
    with pytest.raises(JobError, match=r"in\.mkv: was changed while it was coloured"):
        for event in job:
            if isinstance(event, Progress) and event.done >= 22 and len(parts(folder)) == 1:
                change()
    assert len(parts(folder)) == 1 and not target.exists()

    events = list(color_film(str(source), str(target), OPTIONS))
    assert any("(the film changed)" in e.text for e in events if isinstance(e, Notice))
    luma = [frame.tobytes() for frame in decode_film(target)[1]]
    assert luma == [frame.tobytes() for frame in decode_film(source)[1]]


def test_a_film_of_one_size_and_another_time_begins_anew(
    films: tuple[bytes, bytes], tmp_path: Path
) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / "out.mkv"
    source.write_bytes(films[0])
    for _ in (job := color_film(str(source), str(target), OPTIONS)):
        if len(parts(default_folder(str(target)))) == 1:
            break
    job.close()
    os.utime(source, ns=(0, source.stat().st_mtime_ns + 1))
    events = list(color_film(str(source), str(target), replace(OPTIONS, workers=1)))
    assert any("(the film changed)" in e.text for e in events if isinstance(e, Notice))


def parts(folder: Path) -> list[Path]:
    return list(folder.glob("segment-*.seg"))
