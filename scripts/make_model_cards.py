"""Write the model cards beside the weights, in Hugging Face's form, from what each checkpoint says.

    python scripts/make_model_cards.py            # after a model was made anew
    python scripts/make_model_cards.py --check    # exits with 1 if one is not up to date

A card is Markdown with YAML at its head. What the weights were trained on stands, source by source,
in scripts/recipes/photo-sources.tsv.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from filmcolor.models.card import ModelCard
from filmcolor.models.registry import available_models

SOURCES = Path(__file__).parent / "recipes" / "photo-sources.tsv"
_TAGS = ("colorization", "video", "film", "black-and-white", "restoration")
_NAMES = {
    "psnr": "PSNR of the result, dB",
    "psnr_neutral": "PSNR of the grey picture, dB",
    "psnr_mean_color": "PSNR with one mean colour everywhere, dB",
    "psnr_bicubic": "PSNR of bicubic enlargement, dB",
    "psnr_gain": "PSNR gained, dB",
    "colorfulness_ratio": "colourfulness (Hasler and Süsstrunk), of the truth's",
    "ab_error_ratio": "mean ab error, of the grey picture's",
    "ciede2000": "CIEDE2000",
    "neutral_chroma": "mean chroma where the truth is neutral",
    "blotched": "share of evenly coloured area that is blotched",
    "skin_off": "share of the skin of faces in colours that no skin has",
    "down_error": "error of the result brought back down, codes",
}


@dataclass(frozen=True, slots=True)
class Source:
    """Photographs of one repository, and what it says of their licence."""

    part: str
    name: str
    repository: str
    photos: int
    licence: str

    @property
    def standing(self) -> str:
        """Under which of four heads it comes."""
        if self.licence.startswith("non-commercial"):
            return "non-commercial"
        if self.licence.startswith(("none", "research")):
            return "none"
        of_code = self.licence.startswith("repository:") or "rights in the photos" in self.licence
        return "of the repository" if of_code else "of the photographs"


def read_sources() -> list[Source]:
    """Those of the table, in its order."""
    with SOURCES.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t"))[1:]
    return [Source(part, name, repo, int(n), licence) for part, name, repo, n, licence in rows]


def card_text(card: ModelCard, size: int, sources: Sequence[Source]) -> str:
    """The whole card of a checkpoint of so many bytes."""
    if card.descriptor.is_upscaler:
        sources = [source for source in sources if source.part == "first"]
    use = "filmcolor run small.mp4 -o large.mp4 --upscale 2 --upscale-model"
    if not card.descriptor.is_upscaler:
        use = "filmcolor run old_film.mp4 -o color.mp4 --model"
    measured = int(card.metrics["val_photos"])
    lines = [
        *_head(card),
        f"# {card.name}",
        "",
        f"{card.description.rstrip('.')}.",
        "",
        f"    {use} {card.name}",
        "",
        f"{card.architecture}, {card.parameters:,} parameters, {size / 1e6:.2f} MB. "
        "It opens with filmcolor alone, and without pickle.",
        "",
        "## Limits",
        "",
        card.weaknesses,
        "",
        "## How it was made",
        "",
        card.provenance,
        "",
        "## Licences",
        "",
        *_licences(card, sources),
        "",
        "## Figures",
        "",
        f"On {measured} photographs that it was not trained on, short side 256 px:",
        "",
        "| measure | value |",
        "| --- | ---: |",
        *(f"| {_NAMES[name]} | {value:g} |" for name, value in _figures(card)),
        "",
    ]
    return "\n".join(lines)


def _figures(card: ModelCard) -> list[tuple[str, float]]:
    return [(name, value) for name, value in card.metrics.items() if name != "val_photos"]


def _head(card: ModelCard) -> Iterator[str]:
    """The YAML that Hugging Face reads."""
    metrics = [
        {"type": name, "value": value, "name": _NAMES[name]} for name, value in _figures(card)
    ]
    task = "Super-resolution" if card.descriptor.is_upscaler else "Colorization"
    result = {
        "task": {"type": "image-to-image", "name": task},
        "dataset": {"type": "filmcolor-val", "name": "held-out photographs"},
        "metrics": metrics,
    }
    yield "---"
    yield f"license: {card.license.lower()}"
    yield "library_name: filmcolor"
    yield "pipeline_tag: image-to-image"
    yield f"tags: {json.dumps(_TAGS)}"
    yield f"datasets: {json.dumps(['imagenet-1k'] if 'ImageNet' in card.provenance else [])}"
    yield f"metrics: {json.dumps([name for name, _ in _figures(card)])}"
    yield "model-index:"
    yield f"  - name: {card.name}"
    yield f"    results: {json.dumps([result], ensure_ascii=False)}"
    yield "---"
    yield ""


def _licences(card: ModelCard, sources: Sequence[Source]) -> Iterator[str]:
    photos, repositories = Counter[str](), Counter[str]()
    for source in sources:
        photos[source.standing] += source.photos
        repositories[source.standing] += 1

    def so_many(standing: str) -> str:
        count = repositories[standing]
        return f"{photos[standing]:,} photographs of {count} source{'' if count == 1 else 's'}"

    sentence = (
        f"The weights are licensed under {card.license}; the photographs that they were trained",
        "on are no part of them, were taken from public repositories without asking their",
        "photographers, and stay under their own terms:",
        f"{so_many('of the photographs')} come under a licence of their own, named in the table;",
        f"of {so_many('of the repository')} the repository states a licence without saying that",
        f"the photographs are its to license; of {so_many('none')} no licence is stated, and some",
        f"of these sets are meant for research; {so_many('non-commercial')} (ikea-rooms) may be",
        "used non-commercially alone, which was found after they had been used.",
    )
    yield " ".join(sentence)
    yield ""
    yield (
        "Whether weights so made may be used for a purpose is for whoever uses them to judge, "
        "under the law of the place. The counts are those of the lists; what could not be "
        "fetched was not used."
    )
    yield ""
    yield "| source | repository on GitHub | photographs | licence as stated |"
    yield "| --- | --- | ---: | --- |"
    for source in sources:
        where = f"{source.name} | {source.repository}"
        yield f"| {where} | {source.photos:,} | {source.licence} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check all cards; 1 if one is to be written anew."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args(arguments).check
    sources, is_old = read_sources(), False
    for path, card in available_models():
        text, place = card_text(card, path.stat().st_size, sources), path.with_suffix(".md")
        if not place.exists() or place.read_text(encoding="utf-8") != text:
            is_old = True
            if not check:
                place.write_text(text, encoding="utf-8")
            print(f"{place.name}: {'not up to date' if check else 'written'}")
    return 1 if check and is_old else 0


if __name__ == "__main__":
    sys.exit(main())
