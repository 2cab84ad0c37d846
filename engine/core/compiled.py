"""The one place that compiles: `@compiled`, its cache folder, and the plain twin of a compiled function.

numba keys its cache on the file of the cached function alone, so an edit in a file that it calls would go unseen, and
a cache filled without bounds checks would serve a run that asked for them. The cache folder is therefore named by the
hash of every source that a compiled function can reach, numba's version and the bounds flag.

numba itself (dispatchers.py) is loaded when something is first run compiled: plain mode and most commands never do.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import types
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache, cached_property, update_wrapper
from pathlib import Path
from typing import Any, TypeVar, cast

from percpu_fuzz.engine.core.entries import entries
from percpu_fuzz.engine.core.marked_file import who_else_writes

F = TypeVar("F", bound=Callable[..., Any])

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("engine", "strategies")
BEHIND = "engine.core.dispatchers"  # all compiled code depends on it; loaded late, so no import at the top names it
FOLDER: Path | None = None  # where machine code is to be kept, if not in cache_folder()

IMPORT = re.compile(
    rb"^from percpu_fuzz\.((?:engine|strategies)[\w.]*) import (\([^)]*\)|[^\n]*)|^import percpu_fuzz\.([^\n]*)", re.M
)


def _imports(path: Path) -> set[str]:
    """Dotted names that a source imports from engine and strategies: modules, and names that may be modules.

    Read with a pattern, as every start does this for every source, and a parse of all takes a fifth of a second.
    Imports inside functions are seen by neither compiled code nor this.
    """
    found: set[str] = set()
    for module, names, plain_import in IMPORT.findall(path.read_bytes()):
        words = re.findall(r"[\w.]+", (names or plain_import).decode())
        found |= {f"{module.decode()}.{word}" for word in words} | {module.decode()} if module else set(words)
    return {name for name in found if name.split(".")[0] in SOURCES}


def reachable_sources(root: Path = ROOT) -> list[Path]:
    """Every source below `root` that holds a compiled function, and all that those import, directly or not; sorted.

    A compiled function can use nothing that its module does not import, so an edit elsewhere cannot change it.
    """
    every = {
        ".".join(path.relative_to(root).with_suffix("").parts): path
        for package in SOURCES
        for path in (root / package).rglob("*.py")
    }
    waiting = [name for name, path in every.items() if b"\n@compiled" in path.read_bytes()] + [BEHIND]
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in every and name not in reached:
            reached.add(name)
            waiting += _imports(every[name])
    return sorted(every[name] for name in reached)


def digest_of(paths: list[Path], root: Path) -> str:
    """SHA-256 (hex, 16 characters) over names and contents of files below `root`."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(str(path.relative_to(root)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def code_version(root: Path = ROOT) -> str:
    """The version of everything that a campaign's results depend on: all sources of engine and strategies."""
    return digest_of(sorted(path for package in SOURCES for path in (root / package).rglob("*.py")), root)


@cache
def code_at_start() -> str:
    """The code version of this process: what was loaded, whatever is edited meanwhile."""
    return code_version()


def cache_base(root: Path = ROOT) -> Path:
    """The folder of all caches."""
    return Path(os.environ.get("PERCPU_FUZZ_CACHE", str(root / ".cache")))


def cache_folder(root: Path = ROOT) -> Path:
    """The folder that holds machine code for exactly this source, this numba and this bounds flag.

    PermissionError for one that others may write.
    """
    import numba  # a third of a second

    bounds = os.environ.get("NUMBA_BOUNDSCHECK", "0") or "0"
    base = cache_base(root)
    if why := who_else_writes(base, root):
        raise PermissionError(f"the cache of machine code {base} is not used: {why}")
    return base / f"numba-{numba.__version__}-{digest_of(reachable_sources(root), root)}-bounds{bounds}"


@cache
def _found_folder() -> Path:
    folder = cache_folder()
    if not folder.exists():
        unpack_into(folder)
    return folder


def unpack_into(folder: Path, shipped: Path = ROOT / "compiled") -> None:
    """Copy machine code that was shipped with exactly these sources to where it is looked for; nothing without any.

    A folder of `shipped` has the name of the cache folder that it is for: of sources, numba and flags. What is damaged,
    or for another processor or Python, is compiled anew.
    """
    made = folder.with_name(f"{folder.name}.{os.getpid()}")
    with suppress(OSError):  # a cache that cannot be written only costs time; who was faster has made the same
        if (shipped / folder.name).is_dir():
            shutil.copytree(shipped / folder.name, made)
            made.rename(folder)
    shutil.rmtree(made, ignore_errors=True)


def code_folder() -> Path:
    """Where this process keeps machine code and looks for it."""
    return FOLDER or _found_folder()


@cache
def _dispatchers() -> Any:
    from percpu_fuzz.engine.core import dispatchers  # numba takes a third of a second

    dispatchers.begin(ROOT, code_folder)
    return dispatchers


class Compiled:
    """Stands for a function that is compiled when it is first called, from Python or from code that is being compiled.

    py_func: the function itself. kind: the function of dispatchers.py that makes numba's object for it.
    """

    def __init__(self, py_func: Callable[..., Any], kind: str) -> None:
        self.py_func, self.kind = py_func, kind
        update_wrapper(self, py_func)

    @cached_property
    def dispatcher(self) -> Any:
        """numba's object, made when it is first asked for."""
        return getattr(_dispatchers(), self.kind)(self.py_func)

    @property
    def _numba_type_(self) -> Any:
        """What numba asks a global of a function that it compiles for."""
        return self.dispatcher._numba_type_

    def __call__(self, *arguments: Any) -> Any:
        return self.dispatcher(*arguments)

    def __reduce__(self) -> str:
        return self.py_func.__qualname__


def compiled(function: F) -> F:
    """Compile `function` when a compiled function that calls it is; division and indexing follow NumPy."""
    return cast(F, Compiled(function, "inner"))


def compiled_guarded(function: F) -> F:
    """As compiled, but what a user's file may get wrong (an index, a division) raises, as it does in plain Python."""
    return cast(F, Compiled(function, "guarded_inner"))


def compiled_instruction(function: F) -> F:
    """For a function in whose place compiled code has an instruction (engine/core/vectors.py) that gives the same."""
    return cast(F, Compiled(function, "instruction"))


def compiled_entry(function: F) -> F:
    """For functions that Python calls, or many loops: machine code of its own, which is called and never copied.

    It holds all inner functions that it reaches, and is kept in the cache folder.
    """
    entry = Compiled(function, "entry")
    entries[function.__module__, function.__qualname__] = entry
    return cast(F, entry)


_twins: dict[int, Any] = {}


def plain_value(value: Any) -> Any:
    """What a global of a compiled function is in its plain twin."""
    if hasattr(value, "py_func"):
        return plain(value)
    if type(value) in (bool, int, str, types.ModuleType, types.FunctionType, type(len)):
        return value
    import numpy as np  # there is no other type whose values need it

    if isinstance(value, np.integer) or value is np.int64 or value is np.uint64:
        return int(value) if isinstance(value, np.integer) else int
    return value


def plain(function: F) -> F:
    """The same source as plain Python: every compiled function that it reaches is replaced by its own plain twin.

    `function` is what `@compiled` returned. Typed integer constants become Python integers, so the twin runs on the
    plain mirrors of the records (engine.core.declare) and its arithmetic never wraps by itself.
    """
    source = cast(Any, function)
    key = id(source)
    if key in _twins:
        return cast(F, _twins[key])
    code = source.py_func.__code__
    scope = dict(source.py_func.__globals__)
    twin = types.FunctionType(code, scope, code.co_name, source.py_func.__defaults__)
    _twins[key] = twin
    for name in code.co_names:
        if name in scope:
            scope[name] = plain_value(scope[name])
    return cast(F, twin)


def functions_below(
    entries: Iterable[Callable[..., Any]], is_kept: Callable[[Any], bool] = lambda _function: False
) -> set[str]:
    """Names of the compiled functions that these reach, themselves included: what is compiled before they can run.

    is_kept: of a function's source, whether it is compiled already, with all that it reaches.
    """
    found: set[str] = set()
    waiting = [cast(Any, entry) for entry in entries]
    while waiting:
        source = waiting.pop().py_func
        if source.__qualname__ not in found and not is_kept(source):
            found.add(source.__qualname__)
            known = [source.__globals__.get(name) for name in source.__code__.co_names]
            waiting += [value for value in known if hasattr(value, "py_func")]
    return found
