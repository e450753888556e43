"""Pictures of single frames: as the film is, in colour at once, and in colour as a run would have
it.

What comes at once is the frame by itself: the network's colours and what was said of this very
frame. What a run gives is also steadied in time, and has what was said of other frames of the shot.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np

from filmcolor.errors import JobError
from filmcolor.film.chain import color_frames, composed
from filmcolor.guide.build_hints import over
from filmcolor.guide.hint_file import HintFiles
from filmcolor.guide.propagate import Anchor
from filmcolor.review.table import Table
from filmcolor.review.ways import Ready, Way, Ways
from filmcolor.stages.flow_average import reduced
from filmcolor.stages.infer import Together, infer, needs_things
from filmcolor.stages.known import with_known
from filmcolor.stages.look import look_at
from filmcolor.stages.tone import Tone
from filmcolor.types import AbMap, ColorFrame, FloatPlane, Frame, KnownColors, PixelLayout
from filmcolor.visual.rgb import PictureMaker, Rgb, resized
from filmcolor.visual.side_by_side import with_neutral_chroma

LARGEST = 1600
"""Longer side, in px, of a picture that is sent."""
THUMB = 192
_MOST_FIELDS = 64
_QUALITY = 90


class Painter:
    """Makes pictures of a film's frames. For several threads."""

    def __init__(self, table: Table, ways: Ways) -> None:
        self._table, self._ways = table, ways
        self._fields: OrderedDict[tuple[object, ...], AbMap] = OrderedDict()
        self._earlier: dict[int, tuple[tuple[object, ...], HintFiles]] = {}
        self._lock = threading.Lock()
        info = table.context.reader.info
        self._square = replace(info, sample_aspect_ratio=Fraction(1))

    def before(self, index: int) -> Rgb:
        """A frame as the film is, as it is displayed."""
        info = self._table.context.reader.info
        frame = with_neutral_chroma(self._table.frame(index), info.layout)
        return self._picture(frame, info.layout.colored)

    def at_once(self, way: Way | None, index: int) -> Rgb:
        """A frame in colour by itself; without a way as the model has it."""
        frame, field, tone = self.field(way, index)
        info, context = self._table.context.reader.info, self._table.context
        pairs = [(frame, field)]
        (made,) = composed(pairs, info, context.model.device, context.view.box, tone)
        return self._picture(made, info.layout.colored)

    def field(self, way: Way | None, index: int) -> tuple[Frame, AbMap, Tone]:
        """A frame, its colours at model size, and the tone that they are to be given."""
        frame = replace(self._table.frame(index), guide=None)
        if way is None:
            context, color, shot = self._table.context, self._table.context.options.color, -1
        else:
            shot = way.shot_at(index)
            context, color = way.context, way.color(shot)
            frame = replace(frame, shot=shot, place=index - way.shots[shot].start)
        model, view = context.model_for(color)
        things = {} if way is None or shot not in way.things else {shot: way.things[shot]}
        key = (index, color.model, color.look, color.coherence, *things.values())
        with self._lock:
            kept = self._fields.pop(key, None)
        if kept is None:
            can = needs_things(model, color)
            together = Together(color.coherence, things) if can else None
            ((_, kept),) = infer([frame], model, view, 1, together=together)
        with self._lock:
            self._fields[key] = kept
            while len(self._fields) > _MOST_FIELDS:
                self._fields.popitem(last=False)
        if color.saturation == 0:  # then nothing that was said counts
            return frame, replace(kept, ab=np.zeros_like(kept.ab)), Tone()
        if way is not None and (known := self._known(way, shot, index, kept)) is not None:
            kept = with_known(kept, known)
        return frame, kept, Tone.of(color)

    def _known(self, way: Way, shot: int, index: int, field: AbMap) -> KnownColors | None:
        """What was said of a frame, and what is known of it from others of its shot if that was
        found before.
        """
        given = way.hints.shots.get(shot)
        if given is None:
            return None
        tone, folder = way.context.shots.tone, self._ways.folder_of(way.keys[shot])
        files = sorted(folder.glob("known-*.colors"))
        if files:
            frame = replace(self._table.frame(index), shot=shot)
            try:
                return HintFiles({shot: files[0]}, tone)(frame)
            except JobError:
                pass  # it is being made anew
        light = reduced(field.lightness, way.screen.grid)
        anchor = given.anchor(way.screen, index, light)
        anchor = self._with_earlier(way, shot, index, anchor)
        if anchor is None:
            return None
        return KnownColors(index, tone(shot).undone(anchor.ab), anchor.confidence)

    def _with_earlier(
        self, way: Way, shot: int, index: int, anchor: Anchor | None
    ) -> Anchor | None:
        """What is said of a frame, over what was known of it before strokes were added."""
        given = way.hints.shots[shot]
        with self._lock:
            earlier = self._earlier.get(shot)
        if earlier is None or not set(earlier[0]) <= set(given.strokes):
            return anchor
        try:
            found = earlier[1](replace(self._table.frame(index), shot=shot))
        except JobError:
            return anchor
        if found is None:
            return anchor
        before = Anchor(found.ab, found.confidence)
        return before if anchor is None else over(anchor, before)

    def features(self, way: Way, index: int) -> FloatPlane | None:
        """What the network sees of a frame, (F, h, w) as it is stored; None for a network that does
        not tell.
        """
        frame = self._table.frame(index)
        model, view = way.context.model_for(way.color(way.shot_at(index)))
        if not model.generator.is_coherent:
            return None
        places = look_at(frame, model, view).features.float().cpu().numpy()
        height, width = way.screen.grid[:: -1 if way.screen.turns % 2 else 1]
        rows, columns = height // 4, width // 4
        if len(places) != rows * columns:
            return None
        return view.restore(np.ascontiguousarray(places.T.reshape(-1, rows, columns)))

    def exactly(
        self, ready: Ready, indices: Iterable[int]
    ) -> Generator[tuple[int, ColorFrame], None, None]:
        """Frames, in order, as a run would colour them."""
        with closing(color_frames(ready.context, ready.film, indices)) as frames:
            for frame in frames:
                yield frame.index, frame

    def remember(self, way: Way, shot: int) -> None:
        """What is known of a shot's frames by now may stand below strokes that are added to it."""
        given = way.hints.shots.get(shot)
        files = sorted(self._ways.folder_of(way.keys[shot]).glob("known-*.colors"))
        with self._lock:
            self._earlier.pop(shot, None)
            if given is not None and files:
                self._earlier[shot] = given.strokes, HintFiles({shot: files[0]})

    def of_result(self, frame: ColorFrame) -> Rgb:
        """The picture of a frame of the result."""
        shown = Frame(frame.index, frame.pts, frame.luma, chroma=(frame.cb, frame.cr))
        return self._picture(shown, self._table.context.output.layout)

    def _picture(self, frame: Frame, layout: PixelLayout) -> Rgb:
        made = PictureMaker(replace(self._square, layout=layout), None, None).picture(frame)
        return resized(made, reduced_to(self._table.size, LARGEST))


def reduced_to(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """A size (height, width) of the same shape with a side of at most so many px."""
    scale = min(1.0, longest / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def jpeg(picture: Rgb, longest: int = LARGEST) -> bytes:
    """A picture as JPEG."""
    small = resized(picture, reduced_to((picture.shape[0], picture.shape[1]), longest))
    bgr = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
    whole, content = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not whole:
        raise JobError("a picture cannot be encoded")
    return content.tobytes()


def mean_color(plane: FloatPlane) -> float:
    """Mean of |ab| of a field (2, h, w), Lab units."""
    return float(np.hypot(plane[0], plane[1]).mean())
