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
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

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
        write_source(self.root, None)

    def teardown(self) -> None:
        shutil.rmtree(self.root)

    def _parts(self, pattern: str = "*.seg") -> list[Path]:
        return sorted((self.root / WORK).glob(pattern))

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

    @rule(nth=st.integers(0, 2), before=st.booleans())
    def stop_at_a_segment(self, nth: int, before: bool) -> None:
        with stopping(SegmentFiles, "record", nth, before=before):
            self._stopped()

    @rule()
    def stop_while_it_is_joined(self) -> None:
        with stopping(PartFile, "commit", 0, before=True):
            self._stopped()

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

    @precondition(lambda self: self._parts())
    @rule(data=st.data())
    def delete_a_part(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self._parts())).unlink()

    @precondition(lambda self: self._parts())
    @rule(data=st.data(), share=st.floats(0, 1), keeps_size=st.booleans())
    def damage_a_part(self, data: st.DataObject, share: float, keeps_size: bool) -> None:
        self._damage(data.draw(st.sampled_from(self._parts())), share, keeps_size=keeps_size)

    @precondition(lambda self: self._parts("*.json*"))
    @rule(data=st.data(), share=st.floats(0, 1), keeps_size=st.booleans())
    def damage_what_is_noted(self, data: st.DataObject, share: float, keeps_size: bool) -> None:
        self._damage(
            data.draw(st.sampled_from(self._parts("*.json*"))), share, keeps_size=keeps_size
        )

    def _damage(self, path: Path, share: float, *, keeps_size: bool) -> None:
        content = path.read_bytes()
        rest = content[int(len(content) * share) :]
        path.write_bytes(content[: len(content) - len(rest)] + bytes(len(rest) * keeps_size))

    @rule()
    def go_on(self) -> None:
        self._run()
        # Whatever was wrong, a second attempt is not in doubt.
        color(self.root, self.look, self.plan)
        assert packets(self.root / TARGET) == unbroken(self.look, self.plan)
        (self.root / TARGET).unlink()
        assert not (self.root / WORK).exists()

    @invariant()
    def nothing_strays(self) -> None:
        names = {path.name for path in self.root.iterdir()}
        assert names <= {SOURCE, PLAN, WORK}, names


WorkFolderMachine.TestCase.settings = settings(
    max_examples=max(1, settings().max_examples // 12), stateful_step_count=6
)
TestWorkFolder = WorkFolderMachine.TestCase
