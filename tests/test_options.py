"""What a user may choose: limits, combinations that exclude each other, and nothing changes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import FrozenInstanceError, fields
from fractions import Fraction

import pytest

from filmcolor.cli.run_options import FILM_ONLY
from filmcolor.errors import (
    CheckpointError,
    FilmcolorError,
    JobError,
    MediaError,
    OptionError,
)
from filmcolor.guide.plan_file import COLOR_KEYS, HINT_KEYS, UPSCALE_KEYS
from filmcolor.jobs.sidecar import _LEFT_OUT
from filmcolor.media.watchdog import FILE_SECONDS, PIPE_SECONDS
from filmcolor.options import ColorOptions, EncodeOptions, RunOptions, TrainOptions
from filmcolor.options.facts import facts_of, named_files, names_of
from filmcolor.options.run import SECTIONS


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


@pytest.mark.parametrize("kind", [ColorOptions, EncodeOptions, RunOptions])
def test_every_field_is_declared_as_an_option(kind: type) -> None:
    facts = facts_of(kind)
    for field in fields(kind):
        if field.name in ("color", "encode"):
            continue
        assert field.name in facts, f"{field.name}: declare it with `option`"
        assert facts[field.name].section in SECTIONS, field.name
        assert facts[field.name].help or field.name == "explicit_options", field.name


def test_train_takes_every_field_of_its_options() -> None:
    assert names_of(TrainOptions, lambda facts: facts.help) == tuple(
        field.name for field in fields(TrainOptions)
    )


def test_what_pictures_make_no_use_of() -> None:
    assert set(FILM_ONLY) == {
        *("plan", "stills", "strokes", "work", "keep_work", "workers", "stability", "stride"),
        *(
            "siting",
            "deinterlace",
            "keep_start",
            "audio",
            "on_error",
            "start_seconds",
            "duration_seconds",
            "verify",
        ),
        *("fps", "sound", "sidecar", "codec", "crf", "preset", "lossless"),
        *("restore", "restore_strength", "restore_map"),
    }


def test_what_work_that_was_begun_does_not_depend_on() -> None:
    """Forgetting one here begins work anew; one too many mixes frames of two settings."""
    assert names_of(ColorOptions, lambda facts: not facts.in_fingerprint) == ("model", "device")
    assert names_of(EncodeOptions, lambda facts: not facts.in_fingerprint) == ()
    assert set(names_of(RunOptions, lambda facts: not facts.in_fingerprint)) == {
        *("overwrite", "work", "keep_work", "workers", "shard", "verify", "sidecar", "sound"),
        "restore_map",
        *("stills", "strokes", "reference", "plan", "explicit_options", "audio"),
    }


def test_what_no_sidecar_names() -> None:
    assert set(_LEFT_OUT) == {
        *("overwrite", "work", "keep_work", "workers", "verify", "sidecar", "sound"),
        *("explicit_options", "restore_map"),
    }


def test_the_files_that_options_name() -> None:
    """They may not lie in the work folder, and have to be there on every machine of a cluster."""
    options = RunOptions(
        color=ColorOptions(model="mine.safetensors"),
        **dict.fromkeys(("plan", "stills", "strokes", "reference"), "there"),
    )
    assert list(named_files(options.color)) == [("model", "the model", "mine.safetensors")]
    assert list(named_files(options)) == [
        ("stills", "the folder of stills", "there"),
        ("strokes", "the file of strokes", "there"),
        ("reference", "the reference", "there"),
        ("plan", "the plan", "there"),
    ]
    assert not [*named_files(ColorOptions()), *named_files(RunOptions())]
    large = RunOptions(upscale=2, upscale_model="x.safetensors")
    assert list(named_files(large)) == [("upscale_model", "the upscaler", "x.safetensors")]


def test_what_a_plan_may_hold() -> None:
    assert set(COLOR_KEYS) == {
        *("look", "saturation", "hue_shift", "coherence", "stability", "model"),
        *("restore", "restore_strength"),
    }
    assert HINT_KEYS == ("stills", "strokes", "reference")
    assert UPSCALE_KEYS == ("upscale", "upscale_for", "upscale_model")


def test_the_help_says_how_long_a_silent_source_is_waited_for() -> None:
    said = facts_of(RunOptions)["on_error"].help
    assert f"{FILE_SECONDS} seconds" in said and f"{PIPE_SECONDS // 60} minutes" in said
