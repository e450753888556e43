"""The folder of a training run: configuration, metrics, curves, sheets, checkpoints.

    config.toml  command.txt  metrics.jsonl  curves.png  progress.png  sheets/step-0000500.png
    state.safetensors (to go on)  last.safetensors  best.safetensors (to colour with)
    frames/ frames-val/ (those that were taken from films)

Every file is replaced only by a whole one. It must not know how training works.
"""

from __future__ import annotations

import json
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tomli_w

from filmcolor._version import __version__
from filmcolor.durable import append, make_folders
from filmcolor.errors import CheckpointError, MediaError, OptionError, refusals
from filmcolor.evaluate.report import spread_indices
from filmcolor.media.partfile import forget_part, write_bytes, write_if_free
from filmcolor.typed import parse_json
from filmcolor.visual.rgb import Rgb
from filmcolor.visual.sheets import write_png

_FILES = (
    *("command.txt", "metrics.jsonl", "curves.png", "progress.png", "sheets"),
    *("state.safetensors", "last.safetensors", "best.safetensors"),
)
"""What a run writes beside its configuration."""
_PROGRESS_COLUMNS = 10
"""The progress sheet shows at most so many evaluations, spread over the run."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Paths and files of one run."""

    path: Path

    @property
    def state(self) -> Path:
        """What a resumed run starts from."""
        return self.path / "state.safetensors"

    @property
    def last(self) -> Path:
        """The newest checkpoint."""
        return self.path / "last.safetensors"

    @property
    def best(self) -> Path:
        """The checkpoint with the best score so far."""
        return self.path / "best.safetensors"

    @property
    def metrics(self) -> Path:
        """One JSON object a line."""
        return self.path / "metrics.jsonl"

    def check_free(self) -> None:
        """Raise `OptionError` if a run stands there already, or else what one would write over."""
        if (self.path / "config.toml").exists():
            raise self._occupied()
        for name in _FILES:
            if (self.path / name).exists():
                raise OptionError(
                    f"{self.path / name}: is there already, and no training run's; choose another "
                    "-o"
                )

    def create(self, config: Mapping[str, Any], command: Sequence[str]) -> None:
        """Make the folder; raises as `check_free`."""
        self.check_free()
        text = tomli_w.dumps(
            {"filmcolor": __version__, "command": shlex.join(command)} | dict(config)
        )
        with refusals(MediaError, f"{self.path}: cannot be made", "; choose another -o"):
            make_folders(self.path)
            if not write_if_free(self.path / "config.toml", text.encode()):
                raise self._occupied()
            make_folders(self.path / "sheets")
        self._write_text("command.txt", shlex.join(command) + "\n")

    def finish_creating(self, config: Mapping[str, Any]) -> None:
        """Do what `create` has left undone, where the run was broken off in it."""
        forget_part(self.path / "config.toml")
        if "command" in config and not (self.path / "command.txt").exists():
            self._write_text("command.txt", f"{config['command']}\n")

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Keep the configuration, in place of what it was."""
        self._write_text("config.toml", tomli_w.dumps(config))

    def _occupied(self) -> OptionError:
        return OptionError(
            f"{self.path}: a run stands there already; go on with it "
            f"(filmcolor train --resume {shlex.quote(str(self.path))}), or choose another name"
        )

    def read_config(self) -> dict[str, Any]:
        """What `create` wrote; `OptionError` if there is no run here."""
        source = self.path / "config.toml"
        try:
            return tomllib.loads(source.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise OptionError(
                f"--resume {self.path}: no training run there (config.toml is missing); give the "
                "folder that a run was written to"
            ) from error
        except (OSError, ValueError) as error:
            raise CheckpointError(f"{source}: cannot be read ({error})") from error

    def append(self, entry: Mapping[str, Any]) -> None:
        """Add a line to the metrics; on the disk when this returns, as the states to come are."""
        with refusals(MediaError, f"{self.metrics}: cannot be written"):
            append(self.metrics, f"{json.dumps(entry)}\n".encode())

    def read_metrics(self, until_step: int | None = None) -> list[dict[str, Any]]:
        """All whole lines of the metrics, up to a step."""
        if not self.metrics.exists():
            return []
        entries = []
        for line in self.metrics.read_text(encoding="utf-8").splitlines():
            try:
                entry = parse_json(line)
            except ValueError:
                continue  # the line a power cut left unfinished
            if until_step is None or entry["step"] <= until_step:
                entries.append(entry)
        return entries

    def forget_after(self, step: int) -> None:
        """Drop metrics and sheets of steps that a resumed run is going to do again."""
        lines = [json.dumps(entry) + "\n" for entry in self.read_metrics(step)]
        self._write_text("metrics.jsonl", "".join(lines))
        for sheet in self._columns():
            if int(sheet.stem.rpartition("-")[2]) > step:
                sheet.unlink()

    def write_curves(self) -> None:
        """Draw the losses of generator and discriminator, and the scores, over the steps."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        entries = self.read_metrics()
        losses = [entry for entry in entries if "losses" in entry]
        names = sorted({name for entry in losses for name in entry["losses"]})
        panels = {
            "generator": [name for name in names if name != "discriminator"],
            "discriminator": [name for name in names if name == "discriminator"],
        }
        figure = Figure(figsize=(9, 9), layout="constrained")
        canvas = FigureCanvasAgg(figure)
        axes = figure.subplots(3, 1, sharex=True)
        for axis, (title, shown) in zip(axes, panels.items(), strict=False):
            for name in shown:
                having = [entry for entry in losses if name in entry["losses"]]
                steps = [entry["step"] for entry in having]
                axis.plot(steps, [entry["losses"][name] for entry in having], label=name)
            axis.set_ylabel(f"{title} losses")
            axis.grid(alpha=0.3)
            if shown:
                axis.legend()
        scores = [entry for entry in entries if "psnr_gain" in entry]
        steps = [entry["step"] for entry in scores]
        axes[2].plot(steps, [entry["psnr_gain"] for entry in scores], "o-", label="PSNR gain, dB")
        if all("colorfulness_ratio" in entry for entry in scores):
            ratios = [entry["colorfulness_ratio"] for entry in scores]
            axes[2].plot(steps, ratios, "s-", label="colourfulness / truth's")
        axes[2].set_xlabel("step")
        axes[2].set_ylabel("validation")
        axes[2].grid(alpha=0.3)
        axes[2].legend()
        canvas.draw()  # type: ignore[no-untyped-call]
        drawn = np.asarray(canvas.buffer_rgba(), np.uint8)[..., :3]  # type: ignore[no-untyped-call]
        write_png(self.path / "curves.png", np.ascontiguousarray(drawn))

    def write_sheet(self, step: int, grey: Rgb, ours: Rgb, truth: Rgb) -> None:
        """Keep the validation pictures of an evaluation, each a column of all, and add them to the
        progress sheet.
        """
        make_folders(self.path / "sheets")
        sheet = np.concatenate([grey, ours, truth], axis=1)
        write_png(self.path / "sheets" / f"step-{step:07}.png", sheet)
        found = self._columns()
        columns = [grey]
        for place in spread_indices(len(found), _PROGRESS_COLUMNS):
            bgr = cv2.imread(str(found[place]))
            if bgr is None or bgr.shape != sheet.shape:
                continue  # from a run with other pictures
            width = grey.shape[1]
            rgb = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
            columns.append(rgb[:, width : width + ours.shape[1]])
        write_png(self.path / "progress.png", np.concatenate([*columns, truth], axis=1))

    def _columns(self) -> list[Path]:
        return sorted((self.path / "sheets").glob("step-*.png"))

    def _write_text(self, name: str, text: str) -> None:
        write_bytes(self.path / name, text.encode(), overwrite=True)
