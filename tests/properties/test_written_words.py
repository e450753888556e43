"""What is written for programs: fingerprints, lines of ledgers, digests, headers of Y4M."""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, get_args, get_origin

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filmcolor.errors import OptionError
from filmcolor.hashing import blake2, digest, file_digest, file_sha256, sha256
from filmcolor.media.write.y4m import Y4mWriter, y4m_header
from filmcolor.options import ColorOptions, EncodeOptions, RunOptions
from filmcolor.options.facts import OptionFacts, facts_of
from filmcolor.segments.ledger import Ledger, ledger_line
from filmcolor.segments.run import fingerprint
from filmcolor.typed import type_of
from filmcolor.types import Chroma, PixelLayout, Siting

KINDS: dict[str, Any] = {"color": ColorOptions, "encode": EncodeOptions, "": RunOptions}
OPTIONS = [(part, name) for part, kind in KINDS.items() for name in facts_of(kind)]
ELSEWHERE = {"explicit_options", "overwrite"}
"""What is made up beside the others: it goes with few of them."""
WORDS = st.text("abc/.", min_size=1, max_size=4)


def values_of(kind: Any, name: str) -> st.SearchStrategy[Any]:
    """What an option may be, from its facts and its type."""
    facts: OptionFacts = facts_of(kind)[name]
    hint, found = type_of(kind, name), list[st.SearchStrategy[Any]]()
    if facts.default is None:
        found.append(st.none())
    if facts.choices:
        found.append(st.sampled_from(facts.choices))
    if facts.range is not None or facts.more_than is not None:
        least, most = facts.range or (Fraction(1, 1000), None)
        if hint is Fraction:
            most = 10**5 if most is None else most
            found.append(st.fractions(Fraction(str(least)), Fraction(most), max_denominator=9999))
        elif hint is float:
            found.append(st.floats(least, most))
        else:
            found.append(st.integers(int(least), int(most or 10**5)))
    elif get_origin(hint) is Literal:
        found.append(st.sampled_from(get_args(hint)))
    elif hint is bool:
        found.append(st.booleans())
    elif hint is float:
        found.append(st.floats(0, 63))
    elif name == "shard":
        found.append(st.just((1, 2)))
    elif not facts.choices:
        found.append(WORDS)
    return st.one_of(*found)


def with_option(options: RunOptions, part: str, name: str, value: Any) -> RunOptions:
    if part:
        return replace(options, **{part: replace(getattr(options, part), **{name: value})})
    return replace(options, **{name: value})


def printed(options: RunOptions, target: str = "a.mkv", model: str = "m") -> dict[str, str]:
    facts = SimpleNamespace(sha256=model)
    context: Any = SimpleNamespace(
        options=options,
        output=SimpleNamespace(target=target),
        enlarger=None,
        source_print="film",
        model=SimpleNamespace(facts=facts, device=SimpleNamespace(type="cpu")),
    )
    return fingerprint(context)


@st.composite
def some_options(draw: st.DrawFn) -> RunOptions:
    options = RunOptions()
    for part, name in draw(st.lists(st.sampled_from(OPTIONS), max_size=6, unique=True)):
        try:
            value = draw(values_of(KINDS[part], name))
            options = with_option(options, part, name, value)
        except OptionError:
            continue  # it does not go with the others
    return options


@pytest.mark.parametrize(("part", "name"), OPTIONS)
def test_every_option_can_be_made_up(part: str, name: str) -> None:
    if name not in ELSEWHERE:
        assert values_of(KINDS[part], name) is not None


@given(some_options(), st.sampled_from(OPTIONS), st.data())
def test_a_fingerprint_changes_with_what_changes_frames(
    options: RunOptions, option: tuple[str, str], data: st.DataObject
) -> None:
    part, name = option
    facts = facts_of(KINDS[part])[name]
    try:
        other = with_option(options, part, name, data.draw(values_of(KINDS[part], name)))
    except OptionError:
        return
    own = getattr(options, part) if part else options
    its = getattr(other, part) if part else other
    before, after = getattr(own, name), getattr(its, name)
    if name == "engine":  # the one that computes; what it was chosen by is not asked for
        before, after = before == "openvino", after == "openvino"
    is_other = before != after and facts.in_fingerprint
    assert (printed(options) != printed(other)) is is_other
    assert printed(options) == printed(replace(options))


@given(some_options(), some_options())
def test_two_runs_are_alike_only_if_all_is(first: RunOptions, second: RunOptions) -> None:
    def counting(options: RunOptions) -> list[tuple[str, Any]]:
        found: list[tuple[str, Any]] = []
        for part, kind in KINDS.items():
            own = getattr(options, part) if part else options
            for name, facts in facts_of(kind).items():
                value = getattr(own, name)
                if facts.in_fingerprint:
                    found.append((name, value == "openvino" if name == "engine" else value))
        return found

    assert (printed(first) == printed(second)) is (counting(first) == counting(second))


@given(some_options())
def test_a_fingerprint_has_the_model_and_the_kind_of_target(options: RunOptions) -> None:
    prints = [printed(options), printed(options, "b.mp4"), printed(options, model="n")]
    assert len({json.dumps(each) for each in prints}) == 3
    assert printed(options, "somewhere/else.MKV") == prints[0]


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=6), st.floats(-9, 9)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
LINES = st.lists(st.fixed_dictionaries({"what": JSON}), min_size=1, max_size=5)


def read(path: Path) -> list[Any]:
    return list(Ledger(path, lambda what: what).lines())


@given(LINES, st.data())
def test_a_torn_or_changed_ledger_says_nothing_wrong(
    lines: list[dict[str, Any]], data: st.DataObject
) -> None:
    said = [line["what"] for line in lines]
    content = b"".join(map(ledger_line, lines))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.jsonl"
        path.write_bytes(content)
        assert read(path) == said
        cut = data.draw(st.integers(0, len(content)))
        path.write_bytes(content[:cut])
        found = read(path)
        assert found == said[: len(found)]
        path.write_bytes(content[:cut] + ledger_line({"what": "more"}))  # and gone on with
        assert read(path)[-1] == "more" and read(path)[:-1] in (found, said[: len(found) + 1])
        at = data.draw(st.integers(0, len(content) - 1))
        wrong = content[:at] + bytes([content[at] ^ data.draw(st.integers(1, 255))])
        path.write_bytes(wrong + content[at + 1 :])
        found = read(path)
        assert len(found) >= len(said) - 2 and all(each in said for each in found)


@given(LINES, st.binary(max_size=60))
def test_a_ledger_is_read_past_anything(lines: list[dict[str, Any]], junk: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.jsonl"
        for deep in (b"", b"[" * 100_000, b'{"what":' * 50_000):
            path.write_bytes(junk + deep + b"".join(map(ledger_line, lines)))
            assert read(path) == [line["what"] for line in lines]


@given(st.lists(st.binary(max_size=40), max_size=4), st.integers(1, 64))
def test_a_digest_is_that_of_the_whole(pieces: list[bytes], size: int) -> None:
    whole = b"".join(pieces)
    fed = blake2(size)
    for piece in pieces:
        fed.update(piece)
    assert fed.hexdigest() == digest(whole, size) == digest(memoryview(whole), size)
    assert len(digest(whole, size)) == 2 * size
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / str(number) for number in range(len(pieces))]
        for path, piece in zip(paths, pieces, strict=True):
            path.write_bytes(piece)
        assert file_sha256(*paths) == sha256(whole) == hashlib.sha256(whole).hexdigest()
        assert [file_digest(path) for path in paths] == [digest(piece) for piece in pieces]


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from(["420", "422", "444"]),
    st.sampled_from([8, 10, 12, 16]),
    st.sampled_from(["left", "center"]),
    st.fractions(Fraction(1, 10), 1000, max_denominator=10**6),
    st.fractions(Fraction(1, 20), 20, max_denominator=1000),
    st.sampled_from([None, False, True]),
    st.sampled_from("ptb"),
)
def test_a_header_is_read_as_it_was_meant(
    height: int,
    width: int,
    chroma: Chroma,
    depth: int,
    siting: Siting,
    rate: Fraction,
    aspect: Fraction,
    full: bool | None,
    interlacing: str,
) -> None:
    layout = PixelLayout(depth, chroma)
    header = y4m_header(
        width,
        height,
        layout,
        rate=rate,
        sample_aspect_ratio=aspect,
        siting=siting,
        full_range=full,
        interlacing=interlacing,
    )
    assert header.count(b"\n") == 1
    codes = np.random.default_rng(width).integers(0, 1 << depth, (3, height, width))
    down, across = layout.chroma_size(height, width)
    planes = [codes[0], codes[1, :down, :across], codes[2, :down, :across]]
    output = io.BytesIO()
    writer = Y4mWriter(header, output)
    for _ in range(2):
        writer.write(*(plane.astype(layout.dtype) for plane in planes))
    writer.finish()
    with av.open(io.BytesIO(output.getvalue()), format="yuv4mpegpipe") as film:
        stream = film.streams.video[0]
        context = stream.codec_context
        name = f"yuv{chroma}p" + ("" if depth == 8 else f"{depth}le")
        assert (context.width, context.height) == (width, height)
        assert stream.time_base == 1 / rate and context.pix_fmt == name
        assert (stream.sample_aspect_ratio or 1) == aspect
        assert context.color_range == {None: 0, False: 1, True: 2}[full]
        packets = [bytes(packet) for packet in film.demux(stream) if packet.size]
    expected = b"".join(
        plane.astype(np.dtype(layout.dtype).newbyteorder("<")).tobytes() for plane in planes
    )
    assert packets == [expected, expected]


def test_the_options_are_all_there_are() -> None:
    named = {(part, each.name) for part, kind in KINDS.items() for each in fields(kind)}
    assert set(OPTIONS) == named - {("", "color"), ("", "encode")}
