"""One page, one file: the template environment, data URLs, and the write that is seen whole or not.

A page asks nothing from outside. Its styles, scripts, data and pictures are inside, and its
content security policy lets run only the scripts it was written with.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import resources
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

import embedsvc
from embedsvc.errors import InputError
from embedsvc.files import format_bytes
from embedsvc.report import numbers
from embedsvc.report.whole_file import write_whole

PAGE_NAME = "report.html"

_MAGIC = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}


def render_page(
    template: str,
    context: Mapping[str, object],
    *,
    styles: Sequence[str] = (),
    scripts: Sequence[str] = (),
) -> str:
    """Render a template that extends `page.html.j2`.

    Args:
        template: its file name in `templates/`.
        context: what the template shows; all text is escaped.
        styles: files in `templates/` that follow the shared styles.
        scripts: files in `templates/` that run once the page is read; no other script can run.

    Returns:
        The whole page.
    """
    script = "\n".join(_asset(name) for name in scripts)
    digest = hashlib.sha256(script.encode()).digest()
    policy = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{base64.b64encode(digest).decode()}'; "
        "base-uri 'none'; form-action 'none'"
    )
    frame = {
        # The files are ours, and nothing of the user's is put into them.
        "style": Markup("\n".join(_asset(name) for name in ("page.css", *styles))),  # noqa: S704
        "script": Markup(script),  # noqa: S704
        "policy": policy,
        "version": embedsvc.__version__,
    }
    return _environment().get_template(template).render({**context, **frame})


def write_page(path: Path, page: str) -> None:
    """Write a page; it appears whole or not at all, and its folder is made if need be.

    Raises:
        OutputError: it cannot be written.
    """
    # Names of files may hold bytes that are no text; they are shown as "?".
    write_whole(path, page.encode("utf-8", errors="replace"))


def data_url(picture: bytes) -> str:
    r"""A JPEG or PNG as a text that stands for its address.

    Raises:
        InputError: the bytes are neither.

    Example:
        >>> data_url(b"\xff\xd8\xff")
        'data:image/jpeg;base64,/9j/'
    """
    for magic, kind in _MAGIC.items():
        if picture.startswith(magic):
            return f"data:{kind};base64,{base64.b64encode(picture).decode()}"
    raise InputError(
        f"Expected the bytes of a JPEG or a PNG, got {len(picture)} bytes that start with "
        f"{picture[:8]!r}. Make them with thumbnail_jpeg."
    )


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("embedsvc.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # `tojson` escapes <, >, & and ', so that no text can end the script element it stands in.
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    environment.filters |= {
        "count": numbers.format_count,
        "duration": numbers.format_duration,
        "measure": numbers.format_measure,
        "percent": numbers.format_percent,
        "picture": data_url,
        "score": numbers.format_score,
        "size": format_bytes,
    }
    return environment


@lru_cache(maxsize=16)
def _asset(name: str) -> str:
    return (resources.files("embedsvc.report") / "templates" / name).read_text(encoding="utf-8")
