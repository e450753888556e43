"""The page: what it says, how large it is, and that nothing can be smuggled into it."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from filmcolor.errors import MediaError, OptionError
from filmcolor.events import Event, Notice
from filmcolor.media.read.film_reader import FilmReader
from filmcolor.options import ReportOptions, VerifyOptions
from filmcolor.report.facts import Films, made_with, run_facts
from filmcolor.report.gather import Look, ShotFacts
from filmcolor.report.make import MOST_PICTURE_BYTES, write_report
from filmcolor.report.page import Contents, make_page
from filmcolor.report.pictures import Pair
from filmcolor.report.remarks import Remark, find_remarks
from filmcolor.report.things import ThingStrip
from filmcolor.timecode import clock_text
from filmcolor.verify.findings import Finding, VerifyReport
from tests.helpers.clips import make_clip
from tests.helpers.tampering import rewrite, without_frame
from tests.report.films import make_pair

GOOD = VerifyReport("a", "b", 96, (), "lossy", 1.0, 40.0, 1.0)


def report(film: Path, result: Path, target: Path, options: ReportOptions | None = None) -> str:
    """The page's text."""
    events(film, result, target, options)
    return target.read_text(encoding="utf-8")


def events(
    film: Path, result: Path, target: Path, options: ReportOptions | None = None
) -> list[Event]:
    return list(write_report(str(film), str(result), str(target), options or ReportOptions()))


class Reader(HTMLParser):
    """Gathers tags with their attributes, and the visible text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._hidden = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._hidden = tag in ("style", "script")

    def handle_endtag(self, tag: str) -> None:
        self._hidden = False

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def test_it_says_what_there_is(page: Path) -> None:
    read = Reader(page.read_text(encoding="utf-8"))
    for words in (
        "reel.mp4, coloured by filmcolor 1.2.3, model default",
        "4 shots 96 frames, 0:04.0",
        "Same film",
        "2 things stand out weak colour, flicker",
        "1 of 4 shots has little colour for the brightness",
        "In 1 of 4 shots the colours change from frame to frame",
        "All 96 frames are there",
        "A <street> & the sea",
        "24 of 96 frames",
    ):
        assert words in read.text, words
    linked = [attrs["href"] for tag, attrs in read.tags if tag == "a"]
    assert linked[-2:] == ["#shot-2", "#shot-3"]


def test_it_is_one_file_with_names_for_everything(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    read = Reader(text)
    for tag, attrs in read.tags:
        assert tag not in ("link", "iframe") or str(attrs["href"]).startswith("data:")
        source = attrs.get("src")
        assert source is None or source.startswith("data:image/webp;base64,")
        if tag == "img":
            assert attrs["alt"]
        if tag == "input":
            assert str(attrs["aria-label"]).startswith("Shot ")
    assert "http" not in re.sub(r"http-equiv", "", text)
    assert "default-src 'none'" in text
    ids = [attrs["id"] for _, attrs in read.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    named = {attrs["aria-labelledby"] for _, attrs in read.tags if "aria-labelledby" in attrs}
    assert named <= set(ids)
    assert [tag for tag, _ in read.tags].count("h1") == 1
    assert "$" not in re.sub(r"<script>.*</script>", "", text, flags=re.DOTALL)


def test_a_result_that_does_not_hold_is_reported(films: tuple[Path, Path], tmp_path: Path) -> None:
    rewrite(films[1], tmp_path / "bad.mp4", frames=without_frame(50))
    told = events(films[0], tmp_path / "bad.mp4", tmp_path / "bad.html")
    assert any(isinstance(each, Notice) and each.warning for each in told)
    text = Reader((tmp_path / "bad.html").read_text(encoding="utf-8")).text
    assert "Not the same film" in text and "No. 96 frames were compared" in text
    assert "Fault: missing from the result: frame 50 (2.083 s)" in text


def test_another_film_is_refused(films: tuple[Path, Path], tmp_path: Path) -> None:
    make_clip(
        tmp_path / "other.mp4", codec="libx264", frames=96, height=96, width=128, cuts=(0, 24, 48)
    )
    with pytest.raises(MediaError, match=r"cannot be shown beside .*--start and --duration"):
        events(tmp_path / "other.mp4", films[1], tmp_path / "page.html")
    make_clip(tmp_path / "small.mp4", codec="libx264", frames=96, height=80, width=112)
    with pytest.raises(MediaError, match="the picture is 128x96, the source's 112x80"):
        events(tmp_path / "small.mp4", films[1], tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_a_part_of_a_film(films: tuple[Path, Path], tmp_path: Path) -> None:
    from fractions import Fraction

    from filmcolor.options import RunOptions
    from tests.helpers.coloring import color

    part = {"start_seconds": Fraction(1), "duration_seconds": Fraction(2)}
    color(films[0], tmp_path / "part.mp4", RunOptions(**part))
    options = ReportOptions(VerifyOptions(**part))
    text = report(films[0], tmp_path / "part.mp4", tmp_path / "part.html", options)
    assert "2 shots" in Reader(text).text and "0:00.0 to 0:01.0" in Reader(text).text


def test_interlaced_film_says_so(tmp_path: Path) -> None:
    film, result = make_pair(tmp_path, interlaced=True)
    text = Reader(report(film, result, tmp_path / "page.html")).text
    assert "Interlaced Each frame holds two moments" in text


def test_bad_targets(films: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"ends in \.html"):
        events(*films, tmp_path / "page.txt")
    (tmp_path / "page.html").write_text("mine")
    with pytest.raises(OptionError, match="is there already"):
        events(*films, tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text() == "mine"
    events(*films, tmp_path / "page.html", ReportOptions(overwrite=True))
    with pytest.raises(MediaError, match="does not exist"):
        events(*films, tmp_path / "nowhere" / "page.html")


def looked(number: int, color: float, flicker: float, level: float = 116.0) -> ShotFacts:
    """A shot of seven seconds."""
    look = Look(7.0 * number + 1, color, flicker, level, blank=False)
    return ShotFacts(number, 7.0 * number, 7.0 * number + 7, 168, looks=[look, look])


@pytest.fixture
def opened(films: tuple[Path, Path]) -> Films:
    with FilmReader(str(films[0])) as film, FilmReader(str(films[1])) as result:
        return Films(film.info, result.info, "grey")


def test_a_film_of_two_hours_stays_small(opened: Films) -> None:
    half = bytes(MOST_PICTURE_BYTES // 2000)
    pairs = {number: Pair(half, half, 120, 90) for number in range(1000)}
    shots = [looked(n, 20 + n % 17, 0.5 + n % 5 / 2) for n in range(1000)]
    remarks = tuple(find_remarks(shots, opened, GOOD, []))
    page = make_page(Contents(opened, shots, pairs, remarks, GOOD, 216, 6000))
    pictures = MOST_PICTURE_BYTES
    assert len(page) - pictures * 4 / 3 < 1_600_000
    assert len(page) < 10_000_000
    for number in range(1, 1000, 2):
        del pairs[number]
    page = make_page(Contents(opened, shots, pairs, remarks, GOOD, 216, 6000))
    assert b"too many shots for pictures of all: 500 of 1000 have none" in page


@pytest.mark.parametrize(
    ("shot", "titles"),
    [
        (looked(0, 25, 0.8), []),
        (looked(0, 9.9, 0.8), ["Weak colour"]),
        (looked(0, 5.0, 0.8, level=66.0), []),  # half as bright, held to half
        (looked(0, 4.9, 0.8, level=66.0), ["Weak colour"]),
        (looked(0, 25, 1.31), ["Flicker"]),
        (looked(0, 3, 3.0), ["Weak colour", "Flicker"]),
        (looked(0, 25, math.nan), []),
        (ShotFacts(0, 0.0, 1.0, 24, looks=[Look(0.5, 0.0, 9.0, 16.0, blank=True)]), []),
    ],
)
def test_what_stands_out(opened: Films, shot: ShotFacts, titles: list[str]) -> None:
    assert [remark.title for remark in find_remarks([shot], opened, GOOD, [])] == titles


def test_other_things_stand_out(opened: Films) -> None:
    films = Films(replace(opened.film, interlaced=True), opened.result, "color")
    bad = replace(GOOD, findings=(Finding("luma", "fault", "luma changed"),))
    titles = [each.title for each in find_remarks([looked(0, 25, 0.5)], films, bad, ["cut short"])]
    assert titles == ["Not the same film", "Interlaced", "In colour before", "While reading"]


def test_names_and_tags_are_text_only(opened: Films) -> None:
    evil = '"><script>alert(1)</script>\x1b\udcff$name'
    film = replace(opened.film, metadata={"title": evil})
    remark = Remark(evil, evil, evil)
    films = replace(opened, film=film)
    page = make_page(Contents(films, [looked(0, 20, 1)], {}, [remark], GOOD, 8, 6))
    assert b"<script>alert" not in page and b"\x1b" not in page
    assert page.count(b"<script>") == 1
    assert page.decode("utf-8").count("$name") == 5


def test_words() -> None:
    assert [clock_text(s, 1) for s in (0, 4.46, 59.96, 61, 3723.04)] == [
        "0:00.0",
        "0:04.5",
        "1:00.0",
        "1:01.0",
        "1:02:03.0",
    ]


@pytest.mark.parametrize(
    ("comment", "found"),
    [
        ("colorized by filmcolor 0.1.0, default", ("0.1.0", "default")),
        ("my reel; colorized by filmcolor 0.1.0, A model, mine", ("0.1.0", "A model, mine")),
        ("a; colorized by filmcolor 0.1, x; colorized by filmcolor 0.2, y", ("0.2", "y")),
        ("nothing of the kind", None),
    ],
)
def test_the_label_is_read(opened: Films, comment: str, found: tuple[str, str] | None) -> None:
    assert made_with(replace(opened.result, metadata={"COMMENT": comment})) == found


def test_things_are_shown_along_the_film(opened: Films) -> None:
    shots = [ShotFacts(0, 0.0, 2.0, 48), ShotFacts(1, 2.0, 4.0, 48)]
    strip = ThingStrip("<coat>", ((0.0, 2.0, "#102030"), (2.0, 4.0, "#405060")))
    contents = Contents(opened, shots, {}, (), GOOD, 12, 6, (strip,))
    page = make_page(contents).decode()
    assert '<rect x="500.0" width="500.0" height="10" fill="#405060"/>' in page
    assert 'aria-label="&lt;coat&gt;: seen in 2 shots, #102030, #405060"' in page
    assert "things-title" not in make_page(replace(contents, things=())).decode()


def test_facts_without_label_and_sidecar(opened: Films) -> None:
    facts = dict(run_facts(replace(opened, result=replace(opened.result, metadata={}))))
    assert facts["Coloured by"].startswith("not known")
    assert (
        facts["Options"]
        == "not known: no color.mp4.json is there (filmcolor run --sidecar writes it)"
    )
