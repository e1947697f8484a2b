"""The README's commands exist as it prints them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from embedsvc.cli.main import EXIT_CODES, main

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
COMMANDS = sorted(
    {
        line.split("#")[0].split("|")[-1].split("&&")[-1].strip()
        for block in re.findall(r"```\w*\n(.*?)```", README, re.DOTALL)
        for line in block.splitlines()
        if re.match(r"(echo \w+ \| |python -m pip .*&& )?embedsvc ", line)
    }
)


@pytest.mark.parametrize("line", COMMANDS)
def test_printed_commands_parse(line: str):
    words = shlex.split(line.replace("echo hello |", ""))[1:]
    command: click.Command = main
    while isinstance(command, click.Group):
        command = command.commands[words.pop(0)]
    # `make_context` parses and checks every option, and runs nothing.
    assert command.make_context(command.name, words).params


def test_there_are_commands_to_check():
    assert len(COMMANDS) >= 6


def test_all_exit_codes_are_explained():
    for code in {0, 2, 130, *EXIT_CODES.values()}:
        assert re.search(rf"^\| {code} \|", README, re.MULTILINE), code
    assert str(max(EXIT_CODES.values())) in str(main.help)
