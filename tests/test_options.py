"""What a user may choose: limits, combinations that exclude each other, and nothing changes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import FrozenInstanceError
from fractions import Fraction

import pytest

from filmcolor.errors import (
    CheckpointError,
    FilmcolorError,
    JobError,
    MediaError,
    OptionError,
)
from filmcolor.options import ColorOptions, EncodeOptions, RunOptions


@pytest.mark.parametrize("size", [64, 256, 2048])
def test_sizes_within_the_limits(size: int) -> None:
    assert ColorOptions(size=size).size == size


@pytest.mark.parametrize("size", [-1, 0, 63, 2049])
def test_sizes_outside_the_limits(size: int) -> None:
    with pytest.raises(OptionError, match=rf"--size {size}: must be 64 to 2048"):
        ColorOptions(size=size)


@pytest.mark.parametrize("batch_size", [0, -4, 1025])
def test_batch_sizes_outside_the_limits(batch_size: int) -> None:
    with pytest.raises(OptionError, match="--batch-size"):
        ColorOptions(batch_size=batch_size)


@pytest.mark.parametrize("saturation", [-0.1, 4.1, float("nan"), float("inf")])
def test_saturations_outside_the_limits(saturation: float) -> None:
    with pytest.raises(OptionError, match="--saturation"):
        ColorOptions(saturation=saturation)


def test_lossless_and_a_quality_exclude_each_other() -> None:
    with pytest.raises(OptionError, match=r"--lossless and --crf"):
        EncodeOptions(lossless=True, crf=18)
    assert EncodeOptions(lossless=True).crf is None


@pytest.mark.parametrize("duration", [Fraction(0), Fraction(-1)])
def test_a_duration_must_be_something(duration: Fraction) -> None:
    with pytest.raises(OptionError, match="--duration"):
        RunOptions(duration_seconds=duration)


def test_a_start_before_the_beginning() -> None:
    with pytest.raises(OptionError, match="--start"):
        RunOptions(start_seconds=Fraction(-1, 24))
    assert RunOptions(start_seconds=Fraction(0)).start_seconds == 0


def test_options_do_not_change_under_way() -> None:
    options = RunOptions()
    with pytest.raises(FrozenInstanceError):
        options.overwrite = True  # type: ignore[misc]
    assert options == RunOptions()
    assert hash(options) == hash(RunOptions())


def test_exit_codes_tell_errors_apart() -> None:
    kinds = [FilmcolorError, OptionError, MediaError, CheckpointError, JobError]
    assert [kind.exit_code for kind in kinds] == [1, 2, 3, 4, 5]
    assert all(issubclass(kind, FilmcolorError) for kind in kinds)


def test_options_import_neither_numpy_nor_torch() -> None:
    code = (
        "import sys, filmcolor.options\n"
        "sys.exit(1 if {'torch', 'numpy', 'av'} & set(sys.modules) else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


@pytest.mark.parametrize("stability", [-0.01, 1.01, float("nan")])
def test_stabilities_outside_the_limits(stability: float) -> None:
    with pytest.raises(OptionError, match="--stability"):
        ColorOptions(stability=stability)


@pytest.mark.parametrize("stride", [0, -1, 9])
def test_strides_outside_the_limits(stride: int) -> None:
    with pytest.raises(OptionError, match=f"--stride {stride}: must be auto, or 1 to 8"):
        ColorOptions(stride=stride)


def test_a_stride_needs_the_flow() -> None:
    assert ColorOptions(stride=8).stride == 8 and ColorOptions(stride="auto").stride == "auto"
    for method in ("ema", "none"):
        assert ColorOptions(smooth=method, stride=1).stride == 1
        with pytest.raises(OptionError, match="--stride auto: colour is carried along the motion"):
            ColorOptions(smooth=method, stride="auto")
