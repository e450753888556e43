"""What belongs to the colouring of one film: what was decided for it, and the film opened with it.

`FilmSettings` are plain values; every process that colours a part of the film is sent them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace

from filmcolor.files_read import FilesRead
from filmcolor.film.shot_models import ModelCache, ShotColors
from filmcolor.film.stage_timer import StageTimer
from filmcolor.media.read.film_reader import FilmReader
from filmcolor.media.write.output_plan import OutputPlan
from filmcolor.models.checkpoint import LoadedModel
from filmcolor.options import ColorOptions, RunOptions
from filmcolor.stages.infer import HintSource, View
from filmcolor.stages.interlace import keeps_fields
from filmcolor.stages.restore import restored
from filmcolor.stages.upscale import Enlarger
from filmcolor.stages.view import film_view
from filmcolor.types import Frame, VideoInfo


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class FilmSettings:
    """What was decided for one film."""

    source: str
    source_print: str = ""
    """`source_fingerprint` of the film before it was opened; empty for a pipe."""
    device: str
    output: OutputPlan
    view: View
    stride: int
    options: RunOptions
    """With the precision that the model computes in."""
    hint_source: HintSource | None = None
    shot_options: Mapping[int, ColorOptions] = field(default_factory=dict)
    """By number: how shots are coloured that are not coloured as `options` say."""
    files: FilesRead = field(default_factory=FilesRead)
    """All that was read, but the film; what another process reads must be the same."""

    @property
    def shots(self) -> ShotColors:
        """How each shot is coloured."""
        return ShotColors(self.options.color, self.shot_options)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class FilmContext(FilmSettings):
    """Everything that the stages need to know of one film; a context manager that closes it."""

    reader: FilmReader
    model: LoadedModel
    model_cache: ModelCache
    enlarger: Enlarger | None
    """Raises the resolution, where that is asked for."""
    threads: int = 1
    """Threads that colour or enlarge pictures in parallel, on a CPU."""
    timer: StageTimer = field(default_factory=StageTimer)

    def __enter__(self) -> FilmContext:
        return self

    def __exit__(self, *_: object) -> None:
        self.reader.close()

    @property
    def settings(self) -> FilmSettings:
        """What another process needs, to open the film as it is open here."""
        return FilmSettings(
            **{each.name: getattr(self, each.name) for each in fields(FilmSettings)}
        )

    def model_for(self, color: ColorOptions) -> tuple[LoadedModel, View]:
        """The model for the options of the film or of a shot, and its view of the film."""
        film = self.options.color
        if (color.model, color.look) == (film.model, film.look):
            return self.model, self.view
        model = self.model_cache.get(color, self.model.device)
        self.files.add(model.facts)
        return model, film_view(self.reader.info, model, self.view.box, color)

    def restored(self, frames: Iterable[Frame]) -> Iterable[Frame]:
        """The same frames, marked with their shots, with their luma repaired where that is asked
        for.
        """
        if not self.is_restored:
            return frames
        info, fields = self.reader.info, keeps_fields(self.reader.info, self.options)
        made = restored(frames, self.shots.restoration, info.layout.bit_depth, by_field=fields)
        return self.timer.watch("restore", made, "_wait")

    @property
    def is_restored(self) -> bool:
        """Whether the luma of any shot is repaired."""
        return bool(self.shots.restored_kinds)

    @property
    def made(self) -> VideoInfo:
        """The film with the size of the result, its colours read as the result's are."""
        output = self.output
        return replace(self.reader.info, width=output.width, height=output.height, tags=output.tags)

    @property
    def queue_depth(self) -> int:
        """Frames of the result that may wait between two stages."""
        return self.made.queue_depth
