"""The house rules that a parser can check: who imports whom, who prints, what nobody calls."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "filmcolor"

WORDS = {"errors", "types", "typed", "options", "moments", "prefetch", "files_read"}
BASE = {"color", "media", "models"}
STAGES = {
    "picture_box",
    "shot_measures",
    "shot_changes",
    "shots",
    "superres",
    "flow",
    "flow_average",
    "palette",
    "infer",
    "fields",
    "views",
    "smooth",
    "upsample",
    "tone",
    "compose",
    "shot_colors",
    "job",
    "lease",
    "lifeline",
    "workplace",
    "stored_plan",
    "ledger",
    "source_print",
    "workfolder",
    "unfinished",
    "disk_room",
    "film_stages",
    "heap",
    "segment_making",
}

MAY_IMPORT: dict[str, set[str]] = {
    **dict.fromkeys(WORDS, WORDS),
    "color": WORDS,
    "media": WORDS,
    "models": WORDS | {"color"},
    **dict.fromkeys(STAGES, WORDS | BASE | STAGES),
    # Training meets inference only in color and models: neither knows the other's parts.
    "train": WORDS | BASE | {"evaluate", "picture_box", "shots"},
    "evaluate": WORDS | BASE | STAGES,
    "guide": WORDS | BASE | STAGES,
    "planning": WORDS | BASE | STAGES,
    "film_workers": WORDS | BASE | STAGES,
    "segments": WORDS | BASE | STAGES | {"guide", "planning", "film_workers"},
    "pipeline": WORDS
    | BASE
    | STAGES
    | {"guide", "planning", "segments", "sidecar", "film_workers"},
    "pictures": WORDS | BASE | STAGES | {"guide", "sidecar"},
    "preview": WORDS | BASE | STAGES | {"evaluate", "picture_box"},
    "stills": WORDS | BASE | STAGES | {"guide", "planning"},
    "planner": WORDS | BASE | STAGES | {"guide", "stills"},
    "batch": WORDS | {"media", "models", "pictures", "pipeline", "workplace"},
    "ray_pool": WORDS | BASE | STAGES | {"film_workers", "pipeline", "segments", "sidecar"},
    "ray_batch": WORDS | BASE | STAGES | {"batch", "pipeline", "ray_pool", "segments"},
    "verify": WORDS | {"media"},
    "compare": WORDS | BASE | {"evaluate"},
    "sidecar": WORDS | BASE,
    "report": WORDS | BASE | STAGES | {"evaluate", "sidecar", "verify"},
    "cli": WORDS
    | BASE
    | STAGES
    | {
        "batch",
        "ray_batch",
        "guide",
        "train",
        "evaluate",
        "pictures",
        "pipeline",
        "planner",
        "preview",
        "stills",
        "verify",
        "report",
        "compare",
    },
    "api": WORDS | BASE | STAGES | {"pictures", "pipeline", "verify"},
    "": {"api", "errors", "options"},
    "__main__": {"cli"},
}
"""For every module or package of filmcolor, those it may import; its own inside and above all."""

HEAVY = {"torch", "torchvision", "kornia", "av", "cv2"}
FORBIDDEN_IMPORTS = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "joblib"}
FORBIDDEN_CALLS = {"os.system", "os.popen", "torch.load", "eval", "exec"}


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def modules() -> dict[str, ast.Module]:
    """Dotted name below filmcolor, and syntax tree, of every module; "" is the package itself."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__")] = parse(path)
    return found


def imports(tree: ast.AST, module: str) -> Iterator[str]:
    """Dotted names that a module imports, wherever in it: `from a import b` counts as a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def unit(dotted: str) -> str:
    """First part below filmcolor: "media" of filmcolor.media.probe.VideoInfo; "" of filmcolor.x."""
    return dotted.split(".")[0]


def upward_edges(module: str, tree: ast.AST) -> list[str]:
    """Imports of a module of filmcolor that its place in the house does not allow."""
    own = unit(module)
    assert own == "" or own in MAY_IMPORT, f"filmcolor.{module}: say in MAY_IMPORT where it belongs"
    bad = []
    for name in imports(tree, module):
        package, _, below = name.partition(".")
        if package != "filmcolor" or below == "__version__":
            continue
        other = unit(below)
        if other != own and other not in MAY_IMPORT.get(own, set()):
            bad.append(f"filmcolor.{module} imports filmcolor.{below}")
    return bad


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """(dotted name, node) of every call whose name can be read off."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def forbidden(module: str, tree: ast.AST) -> list[str]:
    """Whatever could run code out of a file or a file name."""
    bad = [
        f"filmcolor.{module} imports {name}"
        for name in imports(tree, module)
        if name.split(".")[0] in FORBIDDEN_IMPORTS or name == "torch.load"
    ]
    for name, call in calls(tree):
        shell = [word for word in call.keywords if word.arg == "shell"]
        if name in FORBIDDEN_CALLS:
            bad.append(f"filmcolor.{module}:{call.lineno} calls {name}")
        if any(not (isinstance(w.value, ast.Constant) and w.value.value is False) for w in shell):
            bad.append(f"filmcolor.{module}:{call.lineno} gives a command to a shell")
    return bad


def prints(module: str, tree: ast.AST) -> list[str]:
    """Calls that write to the terminal."""
    names = ("print", "click.echo", "sys.stderr.write", "sys.stdout.write")
    return [f"filmcolor.{module}:{call.lineno}" for name, call in calls(tree) if name in names]


MODULES = modules()


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_downward_only(module: str) -> None:
    assert upward_edges(module, MODULES[module]) == []


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("types", "from filmcolor.color import lightness"),
        ("color", "import filmcolor.models.registry"),
        ("media.probe", "from filmcolor.color import lightness"),
        ("media.probe", "from filmcolor import color"),
        ("models.registry", "from filmcolor.media.images import read_picture"),
        ("infer", "from filmcolor.pipeline import color_film"),
        ("smooth", "from filmcolor.train.loop import Trainer"),
        ("train.loop", "from filmcolor.infer import infer"),
        ("train.loop", "def late():\n    from filmcolor.compose import compose"),
        ("pipeline", "from filmcolor.cli.display import Display"),
        ("evaluate.photos", "import filmcolor.train"),
        ("verify.check", "from filmcolor.pipeline import color_film"),
    ],
)
def test_an_upward_edge_is_found(module: str, line: str) -> None:
    assert len(upward_edges(module, ast.parse(line))) == 1


def test_a_downward_edge_is_let_through() -> None:
    for module, line in [
        ("pipeline", "from filmcolor import __version__"),
        ("infer", "from filmcolor.models.checkpoint import LoadedModel"),
        ("cli.run", "from filmcolor.pipeline import color_film"),
        ("train.loop", "from filmcolor.train.data import PhotoSet"),
    ]:
        assert upward_edges(module, ast.parse(line)) == []


def test_a_module_that_nobody_placed_is_found() -> None:
    with pytest.raises(AssertionError, match="MAY_IMPORT"):
        upward_edges("helpers", ast.parse(""))


@pytest.mark.parametrize("module", MODULES)
def test_only_the_command_line_prints(module: str) -> None:
    assert unit(module) == "cli" or prints(module, MODULES[module]) == []


def test_a_print_is_found() -> None:
    assert prints("infer", ast.parse("def f():\n    print('x')")) == ["filmcolor.infer:2"]
    assert prints("infer", ast.parse("import sys\nsys.stderr.write('x')")) == ["filmcolor.infer:2"]


@pytest.mark.parametrize("module", MODULES)
def test_nothing_runs_code_from_a_file_or_a_shell(module: str) -> None:
    assert forbidden(module, MODULES[module]) == []


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from pickle import loads",
        "from torch import load",
        "torch.load('model.pt')",
        "os.system('ffmpeg ' + name)",
        "subprocess.run(command, shell=True)",
        "subprocess.run(command, shell=flag)",
        "eval(text)",
    ],
)
def test_what_could_run_code_is_found(line: str) -> None:
    assert len(forbidden("x", ast.parse(line))) == 1


def test_a_model_put_into_evaluation_mode_is_no_eval() -> None:
    assert forbidden("x", ast.parse("generator.eval()\nsubprocess.run([a, b])")) == []


@pytest.mark.parametrize("module", [m for m in MODULES if unit(m) in {"media", *WORDS}])
def test_media_and_words_need_no_torch(module: str) -> None:
    heavy = {"torch", "torchvision", "kornia", "safetensors"}
    assert not {name.split(".")[0] for name in imports(MODULES[module], module)} & heavy


@pytest.mark.parametrize(
    "line",
    [
        "import filmcolor.cli",
        "from filmcolor.cli import main; main(['--help'])",
        "from filmcolor.cli import main; main(['run', '--help'])",
        "from filmcolor.cli import main; main(['verify', '--help'])",
        "from filmcolor.cli import main; main(['extract', '--help'])",
        "from filmcolor.cli import main; main(['train', '--help'])",
        "from filmcolor.cli import main; main(['info', '--help'])",
        "from filmcolor.cli import main; main(['models', '--help'])",
        "from filmcolor.cli import main; main(['report', 'no-such-film.mp4', 'color.mp4'])",
        "from filmcolor.cli import main; main(['compare', 'no', 'no.mp4', '-o', 'split.mp4'])",
        "from filmcolor.cli import main; main(['completion', 'zsh'])",
        "import filmcolor; filmcolor.RunOptions(); dir(filmcolor)",
        "from filmcolor.cli import main; main(['plan', '--help'])",
        "from filmcolor.cli import main; main(['run', 'there-is-no-such-film.mp4'])",
        "from filmcolor.cli import main; main(['extract', 'no-such-film.mp4', '-o', 'frames'])",
        "from filmcolor.cli import main; main(['verify', 'no-such-film.mp4', 'color.mp4'])",
    ],
)
def test_help_imports_nothing_heavy(line: str) -> None:
    end = f"\nimport sys\nsys.exit(9 if {HEAVY!r} & set(sys.modules) else 0)"
    result = subprocess.run([sys.executable, "-c", line + end], capture_output=True, timeout=60)
    assert result.returncode == 0


def test_a_heavy_import_would_be_seen() -> None:
    test_end = f"import cv2\nimport sys\nsys.exit(9 if {HEAVY!r} & set(sys.modules) else 0)"
    assert subprocess.run([sys.executable, "-c", test_end], timeout=60).returncode == 9


def test_decoding_needs_no_torch() -> None:
    code = "import sys, filmcolor.media.decode, filmcolor.media.encode, filmcolor.media.images\n"
    code += "sys.exit(3 if 'torch' in sys.modules else 0)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
