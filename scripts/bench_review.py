"""Time the review page: from a click and its colour to the new frame, as the page asks for them.

    python scripts/bench_review.py                       # the sample film, 40 clicks
    python scripts/bench_review.py my_film.mp4 --clicks 100

Each round asks for what lies under a place of a frame of some shot, gives it a colour, which is on
the disk then, and asks for the frame. Seconds are those of the three together, without the browser.
Every change is taken back. Nothing else should run beside it.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

SAMPLE = Path(__file__).parents[1] / "samples" / "old_film.mp4"
COLORS = ("#c99274", "#2b3d66", "#5d7a3c", "#7c2236")


class Page:
    """Asks as the page does."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._origin = "/".join(address.split("/")[:3])

    def get(self, path: str) -> bytes:
        """What is answered."""
        with urllib.request.urlopen(self._address + path, timeout=600) as answer:
            found: bytes = answer.read()
        return found

    def state(self) -> dict[str, Any]:
        """The state of the film."""
        found: dict[str, Any] = json.loads(self.get("api/state?page=bench"))
        return found

    def say(self, **what: Any) -> None:
        """Change something."""
        content = json.dumps({"page": "bench", **what}).encode()
        headers = {"Content-Type": "application/json", "Origin": self._origin}
        request = urllib.request.Request(self._address + "api/change", content, headers)
        with urllib.request.urlopen(request, timeout=600) as answer:
            answer.read()


def click(page: Page, facts: dict[str, Any], rolls: random.Random) -> float:
    """Seconds of one click, its colour and the new frame."""
    shot = rolls.choice(page.state()["shots"])
    frame = rolls.randrange(shot["start"], shot["stop"])
    page.get(f"picture/after/{frame}")  # it is looked at when it is clicked
    x, y = rolls.randrange(facts["width"]), rolls.randrange(facts["height"])
    color = rolls.choice(COLORS)
    begun = time.perf_counter()
    found = json.loads(page.get(f"api/region?frame={frame}&x={x}&y={y}&reach=thing"))
    if "thing" in found:
        page.say(thing={"name": found["thing"], "color": color})
    else:
        page.say(stroke={"frame": frame, "points": found["points"], "color": color})
    page.get(f"picture/after/{frame}")
    return time.perf_counter() - begun


def main() -> None:
    """Time so many clicks and print their median and 95th percentile."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("film", nargs="?", default=str(SAMPLE))
    parser.add_argument("--clicks", type=int, default=40)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "filmcolor", "review", chosen.film, "--no-browser"]
        command += ["--json", "--plan", f"{folder}/plan.toml", "-o", f"{folder}/color.mkv"]
        begun = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            events = (json.loads(line) for line in process.stdout)
            address = next(event["address"] for event in events if event["event"] == "serving")
            page, rolls, seconds = Page(address), random.Random(1), []
            print(f"served after {time.perf_counter() - begun:.1f} s")
            while not page.state()["shots"]:
                time.sleep(0.1)
            print(f"first shots after {time.perf_counter() - begun:.1f} s")
            while not page.state()["finding"]["whole"]:
                time.sleep(0.1)
            print(f"all shots after {time.perf_counter() - begun:.1f} s")
            facts = json.loads(page.get("api/film"))
            while len(seconds) < chosen.clicks:
                try:
                    seconds.append(click(page, facts, rolls))
                    page.say(undo=True)
                except urllib.error.HTTPError as error:
                    if error.code != 429:  # asked too fast
                        raise
                    time.sleep(1)
        finally:
            process.terminate()
            process.wait()
    seconds.sort()
    late = seconds[min(len(seconds) - 1, int(0.95 * len(seconds)))]
    print(
        f"click to frame: median {statistics.median(seconds):.2f} s, 95th percentile {late:.2f} s"
    )


if __name__ == "__main__":
    main()
