"""`filmcolor train` from end to end: what a run leaves, how it goes on, what it refuses."""

from __future__ import annotations

import functools
import json
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import tomli_w
import torch
from safetensors.torch import load_file, save_file

from filmcolor.cli import main
from filmcolor.models.card import read_card
from filmcolor.models.mobilenet_unet import MobileNetUNet
from filmcolor.train.recipes import FILM
from filmcolor.typed import to_mapping
from tests.helpers.clips import decode_film
from tests.helpers.play import ONE_THREAD, QUICK
from tests.helpers.scenes import imagenet_file, write_photographs

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight pictures that something can be learnt from."""
    return write_photographs(tmp_path_factory.mktemp("data") / "frames", 8, 64, 80)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recipe film with a small network and small crops, as a user would write it."""
    values = to_mapping(FILM)
    values["name"] = "small"
    values["generator"] = {"widths": [16, 16, 16], "bins": 12}
    values["adversary"]["width"] = 8
    values["batch_size"] = 4
    for phase in values["phases"]:
        phase["size"] = 64
        phase["warmup_steps"] = phase["head_start"] = 1
    path = tmp_path_factory.mktemp("recipe") / "small.toml"
    path.write_text(tomli_w.dumps(values))
    return path


QUIET = ["--quiet"]


def train(*arguments: object) -> int:
    return main(["train", *map(str, arguments), "--device", "cpu"])


def test_a_run_from_data_to_a_coloured_film(
    frames: Path, recipe: Path, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "runs" / "one"
    card = tmp_path / "card.toml"
    card.write_text('license = "CC0-1.0"\nweaknesses = "knows two colours"\n')
    begin = ["--recipe", recipe, "--steps", 40, "--evaluations", 2, "--card", card]
    assert train(frames, "-o", run, *begin) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "recipe small (mobilenet-unet" in err and "6 pictures, checked on 2" in err
    assert f"filmcolor run FILM --model {run}/best.safetensors" in err
    found = {path.name for path in run.iterdir()}
    assert found == {
        "config.toml",
        "command.txt",
        "metrics.jsonl",
        "curves.png",
        "progress.png",
        "sheets",
        "state.safetensors",
        "last.safetensors",
        "best.safetensors",
    }
    config = tomllib.loads((run / "config.toml").read_text())
    assert config["options"]["steps"] == 40
    assert config["recipe"]["generator"]["bins"] == 12
    entries = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert {entry["phase"] for entry in entries if "phase" in entry} == {
        "crops",
        "frames",
        "adversarial",
    }
    scores = [entry for entry in entries if "score" in entry]
    assert scores[-1]["step"] == 40
    assert len(list((run / "sheets").iterdir())) == len({entry["step"] for entry in scores})
    model = read_card(run / "best.safetensors")
    assert (model.license, model.weaknesses) == ("CC0-1.0", "knows two colours")
    assert model.descriptor.accepts_hints
    assert str(tmp_path) not in json.dumps(model.provenance + model.training_data)
    target = tmp_path / "color.mkv"
    best = str(run / "best.safetensors")
    assert main(["run", str(clip), "-o", str(target), "--model", best, *QUICK]) == 0
    assert len(decode_film(target)[1]) == 24


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Sums come out alike only where as many threads share them."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.process
def test_a_word_to_one_of_two_processes_stops_both(
    frames: Path, recipe: Path, tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = str(free.getsockname()[1])
    script = "import sys; from filmcolor.cli import main; sys.exit(main(sys.argv[1:]))"
    command = ["train", frames, "-o", tmp_path / "run", "--recipe", recipe, "--steps", 10**6]
    command = [sys.executable, "-c", script, *map(str, command), "--json", "--device", "cpu"]
    start = functools.partial(subprocess.Popen, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    together = {**ONE_THREAD, "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": port}
    with (
        start(command, env={**together, "RANK": "0"}, text=True) as first,
        start(command, env={**together, "RANK": "1"}, text=True) as second,
    ):
        for line in first.stdout:
            if json.loads(line)["event"] == "started":
                second.send_signal(signal.SIGTERM)
                break
        _, err = first.communicate(timeout=120)
        assert second.communicate(timeout=120) == ("", "")
    assert (first.returncode, second.returncode) == (143, 0)
    assert f"go on with: filmcolor train --resume {tmp_path / 'run'}" in err


@pytest.mark.usefixtures("one_thread", "quick_distillation")
def test_a_resumed_run_ends_like_an_unbroken_one(
    frames: Path, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    options = ["--recipe", recipe, "--seed", 3, "--evaluations", 1]
    assert train(frames, "-o", whole, *options, "--steps", 30, "--quiet") == 0
    script = "import sys; from filmcolor.cli import main; sys.exit(main(sys.argv[1:]))"
    command = ["train", frames, "-o", halves, *options, "--steps", 30, "--json", "--device", "cpu"]
    with subprocess.Popen(
        [sys.executable, "-c", script, *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ONE_THREAD,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line)["event"] == "started":
                time.sleep(0.7)
                process.send_signal(signal.SIGINT)
                break
        _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert f"go on with: filmcolor train --resume {halves}" in err
    assert (halves / "last.safetensors").exists()
    stopped = json.loads((halves / "metrics.jsonl").read_text().splitlines()[-1])["step"]
    assert 0 < stopped < 30
    capsys.readouterr()
    assert main(["train", "--resume", str(halves), "--quiet"]) == 0
    assert capsys.readouterr().err == ""
    for name in ("state.safetensors", "last.safetensors"):
        first, second = load_file(whole / name), load_file(halves / name)
        assert first.keys() == second.keys()
        for key, value in first.items():
            assert torch.equal(value, second[key]), key


def test_damaged_and_grey_pictures_are_left_out_and_named(
    frames: Path, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    (mixed / "broken.jpg").write_bytes(b"\xff\xd8 no jpeg")
    cv2.imwrite(str(mixed / "grey.png"), np.full((64, 64), 90, np.uint8))
    run = tmp_path / "run"
    assert train(frames, mixed, "-o", run, "--recipe", recipe, "--steps", 2, "--quiet") == 0
    err = capsys.readouterr().err.splitlines()
    assert err == [
        f"Warning: 1 damaged pictures left out: {mixed}/broken.jpg",
        f"Warning: 1 grey pictures left out: {mixed}/grey.png",
    ]


def test_damaged_pictures_of_val_are_named_too(
    frames: Path, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    val = tmp_path / "val"
    shutil.copytree(frames, val)
    (val / "empty.png").touch()
    run = tmp_path / "run"
    common = ("--recipe", recipe, "--steps", 1, "--quiet")
    assert train(frames, "--val", val, "-o", run, *common) == 0
    err = capsys.readouterr().err.splitlines()
    assert err == [f"Warning: 1 damaged pictures left out: {val}/empty.png"]


@pytest.mark.process
def test_libraries_say_nothing_of_damaged_pictures(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (90, 90, 3), np.uint8)
    for suffix in (".png", ".tif"):
        whole = bytearray(cv2.imencode(suffix, noise)[1].tobytes())
        whole[len(whole) // 2 : len(whole) // 2 + 20] = b"\xff" * 20
        (tmp_path / f"bad{suffix}").write_bytes(whole[: len(whole) - 40])
    command = [sys.executable, "-m", "filmcolor", "evaluate", "--val", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stderr.splitlines()
    bad = [str(tmp_path / f"bad{suffix}") for suffix in (".png", ".tif")]
    text = f"no pictures found (2 damaged: {', '.join(bad)}); give folders, shards or films"
    assert (done.returncode, lines) == (3, [f"Error: {tmp_path}: {text}"])


def test_bad_data_is_one_clear_line(
    frames: Path, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def complaint(*arguments: object, code: int = 3) -> str:
        target = ["-o", tmp_path / "run"] if "--resume" not in arguments else []
        assert train(*arguments, *target, *QUIET) == code
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1 and lines[0].startswith("Error: ")
        assert not (tmp_path / "run").exists()
        return lines[0]

    empty, grey = tmp_path / "empty", tmp_path / "grey"
    empty.mkdir()
    grey.mkdir()
    cv2.imwrite(str(grey / "grey.png"), np.full((64, 64), 90, np.uint8))
    shard = tmp_path / "shard.tar"
    with tarfile.open(shard, "w") as tar:
        tar.add(frames)
    half = tmp_path / "half.tar"
    half.write_bytes(shard.read_bytes()[: shard.stat().st_size // 2])
    text = tmp_path / "notes.txt"
    text.write_text("words " * 200)
    assert "no pictures found" in complaint(empty)
    assert "all 1 pictures are grey" in complaint(grey)
    assert "not a whole tar shard" in complaint(half)
    assert "no such folder, shard or film" in complaint(tmp_path / "gone")
    assert str(text) in complaint(text)
    assert "DATA is missing" in complaint(code=2)
    assert "--steps, --epochs and --minutes" in complaint(
        frames, "--steps", 3, "--epochs", 2, code=2
    )
    assert "--recipe nothing" in complaint(frames, "--recipe", "nothing", code=2)
    assert "recipe film has crops, frames" in complaint(frames, "--phase", "gan", code=2)
    assert "unknown model 'nobody'" in complaint(frames, "--init", "nobody", code=4)
    assert "no training run there" in complaint("--resume", tmp_path, code=2)


def test_data_that_changed_are_told_and_a_run_goes_on_from_any_folder(
    recipe: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All files are named relative to where the run is begun, and one is excluded."""
    write_photographs(tmp_path / "frames", 9, 64, 64)
    (tmp_path / "card.toml").write_text('license = "CC0-1.0"\n')
    write_photographs(tmp_path / "val", 2, 64, 64)
    monkeypatch.chdir(tmp_path)
    begin = ["frames", "-o", "run", "--recipe", recipe, "--steps", 1, "--phase", "crops"]
    begin += ["--card", "card.toml", "--val", "val"]
    assert train(*begin, "--exclude", "cat*", *QUIET) == 2
    assert "--exclude cat*: no picture has such a name" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
    assert train(*begin, "--exclude", "008*", *QUIET) == 0
    config = tomllib.loads((tmp_path / "run" / "config.toml").read_text())
    assert config["options"]["val"] == [str(tmp_path / "val")]
    assert config["options"]["card"] == str(tmp_path / "card.toml")
    assert config["pictures"]["count"] == 8
    monkeypatch.chdir(tmp_path.parent)
    resume = ["train", "--resume", str(tmp_path / "run"), "--steps", "2", "--quiet"]
    (tmp_path / "frames" / "007.png").rename(tmp_path / "frames" / "009.png")
    assert main(resume) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "the training data are not those that the run began with (8 pictures then and" in line
    assert main([*resume, "--data-changed"]) == 0
    assert main([*resume[:-2], "3", "--quiet"]) == 0  # it is known now
    assert train("frames", "-o", "other", "--data-changed", *QUIET) == 2
    assert "--data-changed goes with --resume" in capsys.readouterr().err


def test_losses_go_to_tensorboard_where_it_is_installed(
    frames: Path,
    recipe: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = tmp_path / "run"
    command = [frames, "-o", run, "--recipe", recipe, "--steps", 2, "--tensorboard", *QUIET]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert train(*command) == 2
    assert "pip install 'filmcolor[tensorboard]'" in capsys.readouterr().err
    assert not run.exists()
    monkeypatch.undo()
    pytest.importorskip("tensorboard")
    assert train(*command) == 0
    assert any((run / "tensorboard").iterdir())


def test_a_checkpoint_of_another_recipe_is_refused(
    frames: Path, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert train(frames, "-o", run, "--recipe", recipe, "--steps", 1, *QUIET) == 0
    other = ["-o", tmp_path / "other", "--recipe", "pix2pix", "--size", 256]
    assert train(frames, *other, "--init", run / "best.safetensors", *QUIET) == 4
    assert "recipe pix2pix trains pix2pix-unet" in capsys.readouterr().err
    assert main(["train", "--resume", str(run), "--recipe", "pix2pix"]) == 2
    assert "a run of recipe small, not of pix2pix" in capsys.readouterr().err
    assert train(frames, "-o", run, "--recipe", recipe, "--steps", 1) == 2
    assert "a run stands there already" in capsys.readouterr().err
    (run / "state.safetensors").write_bytes(b"cut")
    assert main(["train", "--resume", str(run), "--steps", "3"]) == 4
    assert "no whole training state" in capsys.readouterr().err
    assert main(["train", "--resume", str(run), "--size", "64"]) == 2
    assert "leave out --size" in capsys.readouterr().err


def test_a_run_begins_from_a_checkpoint_with_its_layers_frozen(
    frames: Path, recipe: Path, tmp_path: Path
) -> None:
    first = tmp_path / "first"
    assert train(frames, "-o", first, "--recipe", recipe, "--steps", 2, *QUIET) == 0
    second = tmp_path / "second"
    begin = ["--init", first / "last.safetensors", "--freeze", "encoder", "--steps", 6]
    assert train(frames, "-o", second, "--recipe", recipe, *begin, *QUIET) == 0
    rates = [
        tomllib.loads((run / "config.toml").read_text())["recipe"]["phases"][0]["rate"]
        for run in (first, second)
    ]
    assert rates[1] == pytest.approx(0.25 * rates[0])
    before, after = (load_file(run / "last.safetensors") for run in (first, second))
    for name, value in before.items():
        if name.startswith("encoder."):
            assert torch.equal(value, after[name]), name
    assert not torch.equal(before["up4.join.weight"], after["up4.join.weight"])


def test_encoder_weights_alone_can_be_the_start(frames: Path, recipe: Path, tmp_path: Path) -> None:
    generator = MobileNetUNet()
    plain = {}
    for name, value in generator.encoder.state_dict().items():
        if name == "stem.weight":
            value = value.expand(-1, 3, -1, -1) / 3
        if name.startswith("blocks."):
            _, number, rest = name.split(".", 2)
            name = f"block{int(number):02}.{rest}"
        plain[name] = value.contiguous()
    path = tmp_path / "encoder.safetensors"
    save_file(plain, path)
    run = tmp_path / "run"
    options = ["--recipe", recipe, "--init", path, "--freeze", "encoder", "--steps", 1]
    assert train(frames, "-o", run, *options, *QUIET) == 0
    kept = load_file(run / "last.safetensors")
    expected = generator.encoder.state_dict()["blocks.3.expand.weight"].half()
    assert torch.equal(kept["encoder.blocks.3.expand.weight"], expected)


@pytest.mark.process
@pytest.mark.slow
def test_two_processes_train_like_one(frames: Path, recipe: Path, tmp_path: Path) -> None:
    """Every process takes its half of the batch; the losses agree to one per cent."""
    values = tomllib.loads(recipe.read_text())
    for phase in values["phases"]:
        phase["degrade"] = {"chance": 0.0}
        phase["hints"] = {"chance": 0.0}
        phase["losses"]["stability"] = 0.0
    values["generator"]["dropout"] = 0.0
    plain = tmp_path / "plain.toml"
    plain.write_text(tomli_w.dumps(values))
    common = ["train", str(frames), "--recipe", str(plain), "--steps", "40", "--device", "cpu"]
    common += ["--precision", "fp32", "--quiet", "--evaluations", "1"]
    assert main([*common, "-o", str(tmp_path / "one")]) == 0
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    launcher += ["--master-port", "29543", "-m", "filmcolor"]

    def launch(*arguments: str) -> None:
        subprocess.run([*launcher, *arguments], check=True, env=ONE_THREAD, timeout=300)

    launch(*common, "-o", str(tmp_path / "two"))
    # With hints in some batches only, there are steps in which one process has no gradients.
    launch(*common[:2], "--recipe", str(recipe), "--steps", "8", "-o", str(tmp_path / "hints"))

    def curves(run: str) -> np.ndarray:
        lines = (tmp_path / run / "metrics.jsonl").read_text().splitlines()
        entries = [entry for entry in map(json.loads, lines) if "losses" in entry]
        return np.array([entry["losses"]["regression"] for entry in entries])

    one, two = curves("one"), curves("two")
    assert len(one) == len(two) > 1
    assert one[0] > 1.05 * one[-1]
    assert np.allclose(one, two, rtol=0.01)


def semantics_of(run: Path) -> list[float]:
    lines = (run / "metrics.jsonl").read_text().splitlines()
    reports = [json.loads(line) for line in lines]
    return [report["losses"]["semantics"] for report in reports if "losses" in report]


def test_what_the_encoder_was_begun_from_is_its_teacher(
    frames: Path, recipe: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    start = imagenet_file(tmp_path / "imagenet.safetensors")
    begin = ["--recipe", recipe, "--phase", "crops", "--init", start, "--steps", 4]
    assert train(frames, "-o", run, *begin, *QUIET) == 0
    assert main(["train", "--resume", str(run), "--steps", "8", *QUIET]) == 0
    told = semantics_of(run)
    assert len(told) >= 2 and all(0 < value < 4 for value in told)
    again = ["--recipe", recipe, "--phase", "crops", "--init", run / "last.safetensors"]
    other = tmp_path / "other"
    assert train(frames, "-o", other, *again, "--teacher", start, "--steps", 2, *QUIET) == 0
    assert len(semantics_of(other)) == 1


def test_a_teacher_that_is_none(
    frames: Path, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, words in (("gone.safetensors", "gone.safetensors"), ("default", "no MobileNetV2")):
        command = ["-o", tmp_path / "run", "--recipe", recipe, "--teacher", name, "--steps", 2]
        assert train(frames, *command, *QUIET) == 4
        (line,) = capsys.readouterr().err.splitlines()
        assert words in line
