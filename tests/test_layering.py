"""The house rules that a parser can check: who imports whom, who prints, what nobody calls."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

PACKAGE = Path(__file__).parents[1] / "filmcolor"

BASE = {
    *("_version", "disk_space", "errors", "events", "files_read", "hashing", "memory"),
    *("options", "prefetch", "throttle", "timecode", "typed", "types"),
}
"""Modules below all packages."""

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
    """First part below filmcolor: "media" of media.read.probe; "" of the package itself."""
    return dotted.split(".")[0]


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


def test_imports_point_downward_only(capsys: pytest.CaptureFixture[str]) -> None:
    """The floors of the house are a contract in pyproject.toml."""
    code = lint_imports(config_filename=str(PACKAGE.parent / "pyproject.toml"), no_cache=True)
    assert code == 0, capsys.readouterr().out


def test_every_room_has_its_floor() -> None:
    contract = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())
    layers = contract["tool"]["importlinter"]["contracts"][0]["layers"]
    placed = [name.strip() for floor in layers for name in re.split("[|:]", floor)]
    rooms = {unit(module) for module in MODULES} - {""}
    assert sorted(placed) == sorted(rooms)
    assert len(layers) <= 12


@pytest.mark.parametrize("module", MODULES)
def test_only_the_command_line_prints(module: str) -> None:
    assert unit(module) == "cli" or prints(module, MODULES[module]) == []


def test_a_print_is_found() -> None:
    assert prints("x", ast.parse("def f():\n    print('x')")) == ["filmcolor.x:2"]
    assert prints("x", ast.parse("import sys\nsys.stderr.write('x')")) == ["filmcolor.x:2"]


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


@pytest.mark.parametrize("module", [m for m in MODULES if unit(m) in {"media", *BASE}])
def test_media_and_what_is_below_need_no_torch(module: str) -> None:
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


def test_help_of_every_command_imports_nothing_heavy() -> None:
    code = "from filmcolor.cli import commands, main\n"
    code += "codes = [main([name, '--help']) for name in commands.commands]\n"
    code += f"import sys\nsys.exit(9 if any(codes) or {HEAVY!r} & set(sys.modules) else 0)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


@pytest.mark.parametrize("command", [(), ("run",)])
def test_help_imports_little(command: tuple[str, ...]) -> None:
    """Neither what draws on a terminal, nor what describes a film."""
    unused = {"rich", "numpy", "PIL", "filmcolor.types"}
    code = f"from filmcolor.cli import main\nmain({[*command, '--help']!r})\n"
    code += f"import sys\nsys.exit(9 if {unused!r} & set(sys.modules) else 0)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def test_a_heavy_import_would_be_seen() -> None:
    test_end = f"import cv2\nimport sys\nsys.exit(9 if {HEAVY!r} & set(sys.modules) else 0)"
    assert subprocess.run([sys.executable, "-c", test_end], timeout=60).returncode == 9


def test_decoding_needs_no_torch() -> None:
    parts = ("media.read.film_reader", "media.write.film_writer", "media.images.writer")
    code = "".join(f"import filmcolor.{part}\n" for part in parts) + "import sys\n"
    code += "sys.exit(3 if 'torch' in sys.modules else 0)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
