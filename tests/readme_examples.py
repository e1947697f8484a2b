"""The README's Python examples by name, to be run."""

import re
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"<!-- example: (\w+) -->\n```python\n(.*?)```", README, re.DOTALL))


def run(name, replaced, **names):
    """Run an example with some of its words replaced; the names it leaves."""
    code = BLOCKS[name]
    for old, new in replaced.items():
        assert old in code
        code = code.replace(old, new)
    exec(compile(code, f"README.md, {name}", "exec"), names)
    return names
