"""The command from beginning to end: the film is opened, the page served until it is stopped."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from filmcolor.errors import OptionError
from filmcolor.events import Event, Notice, Serving
from filmcolor.film.setup import open_film
from filmcolor.jobs.stills import refuse_pipe
from filmcolor.media.images.sequence import find_sequence
from filmcolor.media.partfile import long_name, refuse_taken
from filmcolor.media.write.output_plan import OutputPlan
from filmcolor.media.write.plan_output import plan_output
from filmcolor.options import ReviewOptions, RunOptions
from filmcolor.review.answers import Answers
from filmcolor.review.project import Project
from filmcolor.review.server import ReviewServer
from filmcolor.review.session import Session
from filmcolor.segments.source_fingerprint import source_fingerprint
from filmcolor.stages.infer import one_thread_each
from filmcolor.types import VideoInfo

LOCAL = ("127.0.0.1", "::1", "localhost")


def review_film(
    source: str, target: str, plan: str, options: ReviewOptions
) -> Generator[Event, None, None]:
    """Serve the page for a film until the generator is closed.

    `target` is what is rendered to, `plan` where the plan is, or will be written. Yields `Notice`s,
    at last `Serving` with the address; the next step ends with the process alone. Raises
    `FilmcolorError`.
    """
    refuse_pipe(source)
    if Path(plan).suffix.lower() != ".toml":
        raise OptionError(f"--plan {plan}: give a name that ends in .toml")
    refuse_taken(plan, overwrite=True, sources=[source])
    refuse_taken(target, overwrite=True, sources=[source, plan])
    path = Path(os.path.abspath(plan))
    run = replace(options.run, upscale=None, upscale_model=None)
    is_whole = os.path.isfile(source) or find_sequence(source) is not None

    def plan_result(info: VideoInfo, chosen: RunOptions) -> OutputPlan:
        return plan_output(info, target, replace(chosen, overwrite=True))

    with ExitStack() as stack:
        threads = stack.enter_context(one_thread_each())
        context, _ = yield from open_film(
            source,
            run,
            plan_result,
            threads=threads,
            source_print=source_fingerprint(source) if is_whole else "",
        )
        stack.enter_context(context)
        folder = path.with_name(long_name(f".{path.name}", ".review"))
        project = stack.enter_context(Project(path, folder))
        if project.holder:
            yield Notice(
                f"{project.holder} works on {plan}: this page shows the film only", warning=True
            )
        session = Session(context, project, target, options.run)
        server = ReviewServer(options.host, options.port, Answers(session))
        stack.callback(server.server_close)
        if options.host not in LOCAL:
            yield Notice(
                f"--host {options.host}: whoever has the address below can see this film and "
                "change its plan from other machines; it is not encrypted",
                warning=True,
            )
        session.start()
        stack.callback(session.stop)
        serving = threading.Thread(
            target=server.serve_forever, name="filmcolor-server", daemon=True
        )
        serving.start()
        stack.callback(server.shutdown)
        yield Serving(server.address)
        serving.join()
