"""The whole process of the page, killed at any moment of a session: what it had acknowledged is on
the disk, the plan is whole, and the next process goes on from there.
"""

from __future__ import annotations

import http.client
import json
import random
import signal
import subprocess
import sys
import threading
import time
import tomllib
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from filmcolor.guide.plan_file import parse_plan
from tests.helpers.clips import make_clip

pytestmark = [pytest.mark.e2e, pytest.mark.process, pytest.mark.slow]
MOMENTS = 20
CUT_OFF = (OSError, http.client.HTTPException)
"""What a request meets when its server is killed."""


class Served:
    """A process with the page of a film."""

    def __init__(self, film: Path, plan: Path) -> None:
        command = [sys.executable, "-m", "filmcolor", "review", str(film), "--json"]
        command += ["--no-browser", "--plan", str(plan), "--device", "cpu", "--size", "64"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        events = (json.loads(line) for line in self.process.stdout)
        self.address = next(event["address"] for event in events if event["event"] == "serving")

    def asked(self, path: str, said: dict[str, Any] | None = None) -> Any:
        content = None if said is None else json.dumps(said).encode()
        headers = {
            "Content-Type": "application/json",
            "Origin": "/".join(self.address.split("/")[:3]),
        }
        request = urllib.request.Request(self.address + path, content, headers)
        with urllib.request.urlopen(request, timeout=240) as answer:
            return json.loads(answer.read())

    def change(self, **what: Any) -> None:
        self.asked("api/change", {"page": "killed", **what})

    def ready(self) -> dict[str, Any]:
        """The state, once the film can be changed."""
        seen = 0
        while True:
            state: dict[str, Any] = self.asked(f"api/state?page=killed&seen={seen}")
            if state["finding"]["whole"] and state["shots"][0]["key"]:
                return state
            seen = state["version"]

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def test_a_kill_of_the_server_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    film, plan = tmp_path / "film.mkv", tmp_path / "film.plan.toml"
    make_clip(film, frames=12, width=96, height=64, cuts=[6], pix_fmt="gray")
    journal = tmp_path / f".{plan.name}.review" / "journal.jsonl"
    rolls, number, changes = random.Random(11), 0, 0
    held: float | None = None
    for _ in range(MOMENTS):
        served = Served(film, plan)
        try:
            assert served.ready()["reads"] == ""
            killer = threading.Timer(rolls.random() * 0.4, served.kill)
            asked = before = held
            killer.start()
            try:
                while True:
                    number += 1
                    asked = number / 1000
                    served.change(set={"shot": 1, "key": "saturation", "value": asked})
                    before, held, changes = held, asked, changes + 1
                    if number % 5 == 0:
                        served.change(undo=True)
                        served.change(redo=True)
                    served.asked("api/region?frame=2&x=40&y=30&reach=place")
            except urllib.error.HTTPError as error:
                assert error.code == 429  # asked too fast
                time.sleep(1)
            except CUT_OFF:
                pass
            killer.join()
        finally:
            served.kill()
        found = tomllib.loads(plan.read_text())["shot"][0].get("saturation")
        assert found in {held, asked, before}
        if found not in {held, asked}:
            assert number % 5 == 0  # it was undone and not yet done again
        parse_plan(plan, plan.read_text())
        for line in journal.read_bytes().splitlines() if journal.exists() else []:
            assert not line or json.loads(line)
        held = found
    served = Served(film, plan)
    try:
        state, steps = served.ready(), 0
        while state["undo"]:
            served.change(undo=True)
            state, steps = served.asked("api/state?page=killed"), steps + 1
            time.sleep(0.03)  # not too fast
        assert steps >= changes - MOMENTS and changes >= MOMENTS
        assert "saturation" not in tomllib.loads(plan.read_text())["shot"][0]
    finally:
        served.kill()
