"""The architecture as a test: imports go down, never up and never in a circle."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import embedsvc

ROOT = Path(embedsvc.__file__).parent

FLOORS = {
    # 0 ground
    "__init__": 0,
    "cores": 0,
    "errors": 0,
    "files": 0,
    "progress": 0,
    "settings": 0,
    "catalogue": 0,
    "samples": 0,
    # 1 math
    "text": 1,
    "images": 1,
    "evaluation": 1,
    "vectors": 1,
    # 2 networks
    "nets": 2,
    # 3 encoders
    "encoders": 3,
    # 4 learning
    "classify": 4,
    "detectors": 4,
    "pairs": 4,
    # 5 disk
    "extract": 5,
    "store": 5,
    "datasets": 5,
    # 6 tables and story
    "tables": 6,
    "collection": 7,
    "report": 6,
    # 7 jobs
    "jobs": 7,
    # 8 the service
    "server": 8,
    # 9 the command line, which starts it
    "cli": 9,
}
# What each floor may import from others; a floor also has what the lower ones have.
THIRD_PARTIES = {
    0: {"numpy", "filelock", "huggingface_hub", "platformdirs", "rich"},
    1: {"threadpoolctl", "umap", "tokenizers", "sklearn", "skimage", "scipy", "PIL"},
    2: {"keras", "tensorflow", "tensorflow_text"},
    3: {"safetensors", "tensorflow_hub", "kagglehub"},
    4: set(),
    5: {"pyarrow", "orjson"},
    6: {"jinja2", "matplotlib"},
    7: {"lancedb"},
    8: {"fastapi", "starlette", "uvicorn", "pydantic", "pydantic_settings", "prometheus_client"},
    9: {"click"},
}
FILES = sorted(ROOT.rglob("*.py"))


def module_name(path: Path) -> str:
    parts = ("embedsvc", *path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> set[str]:
    """Every module that a file imports, anywhere in it, as "package.module"."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the floor"
            found.add(str(node.module))
    return found


def floor(module: str) -> int:
    parts = module.split(".")
    return FLOORS[parts[1] if len(parts) > 1 else "__init__"]


def test_every_part_of_the_package_has_a_floor():
    parts = {path.relative_to(ROOT).parts[0].removesuffix(".py") for path in FILES}
    assert parts == set(FLOORS)


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_imports_go_down(path: Path):
    own = module_name(path)
    if own == "embedsvc":
        return  # loads public names on demand, from any floor
    for module in imports(path):
        if module.split(".")[0] == "embedsvc":
            neighbours = module.split(".")[1:2] == own.split(".")[1:2] or floor(own) == 0
            below = floor(module) < floor(own) or (neighbours and floor(module) == floor(own))
            assert below, f"{own} imports {module}"


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_third_parties_stay_on_their_floor(path: Path):
    own = module_name(path)
    allowed = set().union(*(THIRD_PARTIES[level] for level in range(floor(own) + 1)))
    known = set().union(*THIRD_PARTIES.values())
    used = {module.split(".")[0] for module in imports(path)} & known
    assert used <= allowed, f"{own} imports {used - allowed}"


def test_there_is_no_import_cycle():
    graph = {
        module_name(path): {
            module for module in imports(path) if module.split(".")[0] == "embedsvc"
        }
        for path in FILES
        if module_name(path) != "embedsvc"
    }
    done: set[str] = set()

    def visit(module: str, above: tuple[str, ...]) -> None:
        assert module not in above, " -> ".join((*above, module))
        if module not in done:
            for imported in graph.get(module, ()):
                visit(imported, (*above, module))
            done.add(module)

    for module in graph:
        visit(module, ())
