"""After a power cut at any moment, the same command makes the same result, or says in one line why
not; and what was promised is there.
"""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from filmcolor.errors import FilmcolorError
from filmcolor.segments import lease
from tests.durability.journals import (
    Job,
    facts,
    film_job,
    frames_job,
    pictures_job,
    record,
    training_job,
)
from tests.helpers.power_cuts import (
    Promised,
    Recorder,
    State,
    Step,
    build,
    promises,
    states,
    tree,
)

SAMPLE = {"film": 4, "frames": 6, "pictures": 45, "training": 9}
"""How many states of each job the ordinary tests try."""
MAKERS: dict[str, Callable[[Path], Job]] = {
    "film": film_job,
    "frames": frames_job,
    "pictures": pictures_job,
}


def every_state(journal: list[Step]) -> list[tuple[str, int, State]]:
    """Each state that a power cut may leave, once, and the latest moment at which it may."""
    found: dict[object, tuple[str, int, State]] = {}
    for steps in range(len(journal) + 1):
        for how, state in states(journal, steps).items():
            key = tuple((name, content) for name, (_, content) in state.items())
            found[key] = f"after {steps} steps, {how}", steps, state
    return list(found.values())


def check(job: Job, journal: list[Step], whole: dict[str, str], steps: int, state: State) -> None:
    """Put a state there, do the job again, and compare."""
    shutil.rmtree(job.root)
    job.root.mkdir()
    build(state, job.root)
    before, promised = tree(job.root), promises(journal, steps)
    for name in whole.keys() & set(promised):
        assert name in before  # under its name
    try:
        said = job.do()
    except FilmcolorError as error:
        assert str(error) and "\n" not in str(error)
        assert "is there already" in str(error)
        after = facts(job.root)
        assert {name: after.get(name) for name in whole} == whole
        return
    assert facts(job.root) == whole  # nothing else is there
    if whole.keys() <= set(promised):
        return  # the segments have done their service
    segments = {name for name in promised if name.startswith("segment ")}
    going_on = re.search(r"earlier work: (\d+) of", " ".join(said))
    assert int(going_on[1] if going_on else 0) >= len(segments)


def try_states(job: Job, recorder: Recorder, count: int | None) -> None:
    """Of as many states as are wanted, or of all."""
    whole = facts(job.root)
    assert any(isinstance(step, Promised) for step in recorder.journal)
    chosen = every_state(recorder.journal)
    if count is not None:
        chosen = random.Random(30).sample(chosen, min(count, len(chosen)))
    with pytest.MonkeyPatch.context() as patched:
        own = lease.this_machine()
        patched.setattr(lease, "this_machine", lambda: f"{own}, started again")
        for how, steps, state in chosen:
            try:
                check(job, recorder.journal, whole, steps, state)
            except Exception as error:
                error.add_note(f"{how}: {sorted(state)}")
                raise


@pytest.mark.e2e
@pytest.mark.parametrize("name", MAKERS)
def test_some_states_of_a_power_cut(name: str, tmp_path: Path) -> None:
    job = MAKERS[name](tmp_path)
    try_states(job, record(job), SAMPLE[name])


@pytest.mark.train
def test_some_states_of_a_training_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = training_job(tmp_path, monkeypatch)
    try_states(job, record(job), SAMPLE["training"])


@pytest.mark.full
@pytest.mark.slow
@pytest.mark.parametrize("name", MAKERS)
def test_all_states_of_a_power_cut(name: str, tmp_path: Path) -> None:
    job = MAKERS[name](tmp_path)
    try_states(job, record(job), None)


@pytest.mark.full
@pytest.mark.slow
def test_all_states_of_a_training_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = training_job(tmp_path, monkeypatch)
    try_states(job, record(job), None)
