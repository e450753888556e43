"""A work folder in any order of events: what comes out is the film of an unbroken run, or one clear
line says what is wrong; nothing is left behind.
"""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from filmcolor.errors import FilmcolorError
from filmcolor.guide.plan_file import Choices, PlanFile, PlanShot
from filmcolor.guide.plan_text import write_plan
from filmcolor.jobs.film import color_film
from filmcolor.media.partfile import PartFile
from filmcolor.options import ColorOptions, EncodeOptions, RunOptions
from filmcolor.segments.segment_files import SegmentFiles
from tests.helpers.clips import make_clip
from tests.helpers.failures import Failures
from tests.helpers.tiny_model import tiny_model

pytestmark = pytest.mark.e2e

CUTS = (0, 4, 8)
FRAMES = 12  # two seconds each, so that every shot is a segment
WORK, TARGET, SOURCE, PLAN = ".out.mkv.work", "out.mkv", "in.mkv", "plan.toml"
LOOKS = st.sampled_from(["restrained", "natural", "vivid"])
SATURATIONS = st.sampled_from([None, 0.0, 0.5, 2.0])
Packets = list[tuple[int | None, int | None, bytes]]
Plan = tuple[tuple[bool, float | None], ...]
"""Of each shot whether it is left grey, and its saturation."""


class Stopped(BaseException):
    """Stands for the end of the process."""


@cache
def source() -> bytes:
    """The film that is coloured."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / SOURCE
        make_clip(path, frames=FRAMES, width=64, height=48, rate=Fraction(1, 2), cuts=CUTS[1:])
        return path.read_bytes()


def packets(path: Path) -> Packets:
    """All of a film but what its file is called by."""
    with av.open(str(path)) as film:
        return [(each.pts, each.dts, bytes(each)) for each in film.demux() if each.size]


def write_source(root: Path, plan: Plan | None) -> None:
    """The film and its plan."""
    (root / SOURCE).write_bytes(source())
    write_choices(root, plan)


def write_choices(root: Path, plan: Plan | None) -> None:
    if plan is None:
        return
    shots = tuple(
        PlanShot(Fraction(2 * start), choices=Choices(skip=skip or None, saturation=saturation))
        for start, (skip, saturation) in zip(CUTS, plan, strict=True)
    )
    write_plan(root / PLAN, PlanFile(shots=shots), overwrite=True)


def color(root: Path, look: Any, plan: Plan | None) -> None:
    """Colour the film in a folder, as a command does."""
    options = RunOptions(
        color=ColorOptions(device="cpu", model=tiny_model(), size=64, look=look),
        encode=EncodeOptions(codec="ffv1"),
    )
    if plan is not None:
        options = replace(options, plan=str(root / PLAN))
    run = color_film(str(root / SOURCE), str(root / TARGET), options)
    try:
        for _ in run:
            pass
    finally:
        run.close()


@cache
def unbroken(look: str, plan: Plan | None) -> Packets:
    """What comes out where nothing happens."""
    with tempfile.TemporaryDirectory() as folder:
        write_source(Path(folder), plan)
        color(Path(folder), look, plan)
        return packets(Path(folder) / TARGET)


@contextmanager
def stopping(kind: type, name: str, nth: int, *, before: bool) -> Iterator[None]:
    """End the process at the N-th call of a method, before or after what it does."""
    own: Callable[..., None] = getattr(kind, name)
    calls = iter(range(nth))

    def called(*given: Any) -> None:
        left = next(calls, None) is not None
        if not (before and not left):
            own(*given)
        if not left:
            raise Stopped

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(kind, name, called)
        yield


class WorkFolderMachine(RuleBasedStateMachine):
    """Runs of one film, one after another, and what happens to its folder meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="filmcolor-machine-"))
        self.look, self.plan = "natural", None
        self.was_cut_off = False
        """Whether a process ended between the film's last byte and its name, as by a kill."""
        write_source(self.root, None)

    def teardown(self) -> None:
        shutil.rmtree(self.root)

    def _files(self) -> list[Path]:
        """Parts of the film, and what is noted of them."""
        work = self.root / WORK
        return sorted([*work.glob("*.seg"), *work.glob("*.json*")])

    def _run(self) -> None:
        """Go on until the film is whole or an error says why not."""
        try:
            color(self.root, self.look, self.plan)
        except FilmcolorError as error:
            assert str(error) and "\n" not in str(error)
            assert not (self.root / TARGET).exists()
        else:
            assert packets(self.root / TARGET) == unbroken(self.look, self.plan)
            assert not (self.root / WORK).exists()
            (self.root / TARGET).unlink()

    @initialize(nth=st.integers(1, 2))
    def begin(self, nth: int) -> None:
        """With some of it done."""
        self.stop(nth, before=False)

    @rule(nth=st.integers(0, 3), before=st.booleans())
    def stop(self, nth: int, before: bool) -> None:
        """At a segment, or while they are joined."""
        kind, name, at = (PartFile, "commit", 0) if nth == 3 else (SegmentFiles, "record", nth)
        with stopping(kind, name, at, before=before or nth == 3):
            self._stopped()
        self.was_cut_off = self.was_cut_off or nth == 3

    def _stopped(self) -> None:
        try:
            self._run()
        except Stopped:
            assert not (self.root / TARGET).exists()

    @rule(nth=st.integers(1, 60), once=st.booleans())
    def fill_the_disk(self, nth: int, once: bool) -> None:
        with Failures(self.root, errno.ENOSPC, nth, once=once).failing():
            try:
                color(self.root, self.look, self.plan)
            except FilmcolorError as error:
                assert str(error) and "\n" not in str(error)
            else:
                assert packets(self.root / TARGET) == unbroken(self.look, self.plan)
        (self.root / TARGET).unlink(missing_ok=True)

    @rule(look=LOOKS)
    def change_an_option(self, look: str) -> None:
        self.look = look

    @rule(plan=st.none() | st.tuples(*[st.tuples(st.booleans(), SATURATIONS)] * 3))
    def edit_the_plan(self, plan: Plan | None) -> None:
        self.plan = plan
        write_choices(self.root, plan)

    @precondition(lambda self: self._files())
    @rule(
        data=st.data(),
        share=st.floats(0, 1, exclude_max=True),
        how=st.sampled_from(["zeros", "cut", "gone"]),
    )
    def damage_a_file(self, data: st.DataObject, share: float, how: str) -> None:
        path = data.draw(st.sampled_from(self._files()))
        content = path.read_bytes()
        kept = content[: int(len(content) * share)]
        if how == "gone":
            path.unlink()
        else:
            path.write_bytes(kept + bytes(len(content) - len(kept) if how == "zeros" else 0))

    @rule()
    def go_on(self) -> None:
        self._run()
        # Whatever was wrong, a second attempt is not in doubt.
        color(self.root, self.look, self.plan)
        assert packets(self.root / TARGET) == unbroken(self.look, self.plan)
        (self.root / TARGET).unlink()
        assert not (self.root / WORK).exists()
        self.was_cut_off = False

    @invariant()
    def nothing_strays(self) -> None:
        names = {path.name for path in self.root.iterdir()}
        passing = {f".{TARGET}.part"} if self.was_cut_off else set()
        assert names <= {SOURCE, PLAN, WORK} | passing, names


WorkFolderMachine.TestCase.settings = settings(
    max_examples=max(1, settings().max_examples // 12), stateful_step_count=6
)
TestWorkFolder = WorkFolderMachine.TestCase
