"""Make or renew the project's virtual environment: `_setup.py ROOT run|dev STAMP`.

Called by `_setup.sh` with a Python of the system, so it needs nothing but the standard library. A
lock keeps a second start waiting until the first is through; the system drops it with the process,
so that it is never left behind. A finished environment carries a stamp; one without it was only
half made, and is made anew.
"""

import fcntl
import shutil
import subprocess
import sys
from pathlib import Path

STAMPS = {"run": ["stamp-run"], "dev": ["stamp-dev", "stamp-run"]}
EXTRAS = {"run": "[openvino]", "dev": "[dev,openvino]"}
LOCK = "lock"


def read_stamp(venv: Path, name: str) -> str:
    """What a stamp says; nothing if it is not there."""
    path = venv / name
    return path.read_text().strip() if path.is_file() else ""


def clear(venv: Path) -> None:
    """Remove everything but the lock, which this process holds."""
    for entry in venv.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name != LOCK:
            entry.unlink()


def install(root: Path, venv: Path, kind: str, stamp: str) -> None:
    """Make the environment if there is none that can be used, and install the package into it."""
    old = [read_stamp(venv, name) for name in STAMPS["dev"]]
    place = stamp.rpartition(" ")[0].rpartition(" ")[0]
    usable = (venv / "bin" / "python").exists() and any(
        text.rpartition(" ")[0].rpartition(" ")[0] == place for text in old
    )
    if usable:
        kind = "dev" if old[0] else kind  # the tools that are there are kept up to date too
        print("filmcolor: bringing .venv up to date ...", flush=True)
    else:
        print(
            "filmcolor: first start, installing into .venv (once; this takes minutes) ...",
            flush=True,
        )
        clear(venv)
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    for name in STAMPS["dev"]:
        (venv / name).unlink(missing_ok=True)
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    pip += ["--disable-pip-version-check", "--editable", f".{EXTRAS[kind]}"]
    subprocess.run(pip, check=True, cwd=root)
    for name in STAMPS[kind]:
        part = venv / f"{name}.part"
        part.write_text(stamp + "\n")
        part.replace(venv / name)


def main() -> int:
    """Take the lock, look again, install."""
    root, kind, stamp = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    venv = root / ".venv"
    try:
        venv.mkdir(exist_ok=True)
        with (venv / LOCK).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print("filmcolor: waiting for another start that installs ...", flush=True)
                fcntl.flock(lock, fcntl.LOCK_EX)
            if read_stamp(venv, STAMPS[kind][0]) != stamp:
                install(root, venv, kind, stamp)
    except subprocess.CalledProcessError as error:
        print(f"filmcolor: installing failed (exit code {error.returncode}); see above")
        return 1
    except OSError as error:
        print(f"filmcolor: cannot make {venv}: {error}")
        return 1
    except KeyboardInterrupt:
        print("filmcolor: stopped; the next start begins again")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
