"""The pictures of a run: known again when it goes on, from any folder, and divided as before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from filmcolor.errors import OptionError
from filmcolor.options import TrainOptions
from filmcolor.train.recipes import FILM
from filmcolor.train.run_data import DataRecord, RunData, absolute_paths, load_run_data
from filmcolor.train.workers import Workers
from filmcolor.typed import from_mapping, to_mapping
from tests.helpers.color_films import pan, write_film
from tests.helpers.scenes import write_photographs


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Forty pictures."""
    return write_photographs(tmp_path / "photos", 40, 32, 32)


def load(data: Path, record: DataRecord | None = None, **given: object) -> RunData:
    options = TrainOptions(seed=2, exclude=given.pop("exclude", ()), val=given.pop("val", ()))
    resumed = bool(given.pop("resumed", record is not None))
    folder = data.parent / "run"
    return load_run_data(
        [str(data)],
        options,
        FILM,
        folder,
        Workers(),
        resumed=resumed,
        record=record,
        data_changed=bool(given.pop("data_changed", False)),
    )


def test_changed_pictures_are_refused_unless_that_is_known(data: Path) -> None:
    first = load(data)
    record = from_mapping(DataRecord, to_mapping(first.record), "pictures")
    assert record == first.record
    assert record.count == 40
    kept, held_out = {*first.photos.names}, {*first.val.names}
    assert (len(kept), len(held_out)) == (32, 7)  # one is too near to those trained on
    again = load(data, record)
    assert ([*again.photos.names], [*again.val.names]) == (
        [*first.photos.names],
        [*first.val.names],
    )
    (data / "0.png").write_bytes((data / "007.png").read_bytes())
    (data / "039.png").unlink()
    (data / "038.png").unlink()
    with pytest.raises(
        OptionError, match=r"run: the training data are .*\(40 pictures then, 39 now\).*--data-ch"
    ):
        load(data, record)
    changed = load(data, record, data_changed=True)
    assert not {*changed.photos.names} & held_out
    assert not {*changed.val.names} & kept
    assert changed.record.count == 39
    assert changed.record.split == record.split
    assert load(data, changed.record).record == changed.record


def test_a_picture_of_another_size_is_noticed(data: Path) -> None:
    record = load(data).record
    (data / "003.png").write_bytes((data / "003.png").read_bytes() + b"\0")
    with pytest.raises(OptionError, match="40 pictures then and now, of other names or sizes"):
        load(data, record)


def test_data_that_were_moved_are_the_same(data: Path, tmp_path: Path) -> None:
    first = load(data)
    moved = data.rename(tmp_path / "elsewhere")
    again = load(moved, first.record)
    assert [*again.val.names] == [*first.val.names]


def test_pictures_of_their_own_to_evaluate_on_are_known_again(data: Path, tmp_path: Path) -> None:
    val = write_photographs(tmp_path / "val", 4, 32, 32)
    first = load(data, val=(str(val),))
    assert (len(first.photos), len(first.val), first.record.split) == (40, 4, None)
    (val / "000.png").unlink()
    with pytest.raises(OptionError, match=r"data of --val .*4 pictures then, 3 now"):
        load(data, first.record, val=(str(val),))


def test_pictures_are_left_out_by_name(data: Path) -> None:
    first = load(data, exclude=("00*", "039.png"))
    assert first.record.count == 29
    assert not [n for n in (*first.photos.names, *first.val.names) if n.startswith("00")]
    with pytest.raises(OptionError, match=r"--exclude cats/\*: no picture .* like 010\.png"):
        load(data, exclude=("cats/*", "00*"))
    load(data, first.record, exclude=("00*", "039.png", "gone*"))  # it may be gone meanwhile


def test_a_run_without_a_record_is_divided_as_it_was(data: Path) -> None:
    """Numbers that the permutation gave before there were records."""
    held_out = load(data, resumed=True).val.names
    assert [*held_out] == [f"{n:03}.png" for n in EARLIER]


EARLIER = (0, 1, 6, 11, 24, 27, 36, 39)


def test_a_films_shots_stay_on_one_side_and_its_frames_are_kept(tmp_path: Path) -> None:
    shots = [frame for seed in range(6) for frame in pan(seed, 24)]
    sources = [str(write_film(tmp_path / "reel.mkv", shots))]
    options = TrainOptions(seed=1)

    def begin(record: DataRecord | None) -> RunData:
        return load_run_data(
            sources, options, FILM, tmp_path / "run", Workers(), resumed=False, record=record
        )

    first = begin(None)
    names = [*first.photos.names, *first.val.names]
    assert len(names) >= 12
    assert all(name.startswith("reel.mkv/") for name in names)
    own = [{int(name[-10:-4]) // 24 for name in part.names} for part in (first.photos, first.val)]
    assert own[0] | own[1] == set(range(6))
    assert not own[0] & own[1]
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "run" / "frames").iterdir()}
    assert len(kept) == 2  # a shard with its index
    again = begin(first.record)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert [*again.val.names] == [*first.val.names]
    assert all(map(np.array_equal, again.photos.photos, first.photos.photos))


def test_files_are_named_from_the_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "vgg.st").write_bytes(b"")
    options = TrainOptions(
        recipe="mine.toml",
        init="runs/best.safetensors",
        teacher="vgg.st",
        card="card",
        val=("val", "/other/val"),
    )
    found = absolute_paths(options)
    assert found.recipe == str(tmp_path / "mine.toml")
    assert found.init == str(tmp_path / "runs" / "best.safetensors")
    assert found.teacher == str(tmp_path / "vgg.st")
    assert found.card == str(tmp_path / "card")
    assert found.val == (str(tmp_path / "val"), "/other/val")
    names = TrainOptions(recipe="film", init="default", teacher="default")
    assert absolute_paths(names) == replace(names)
