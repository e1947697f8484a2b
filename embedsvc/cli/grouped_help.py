"""Help for commands with many options: under headings instead of in one long list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click


class GroupedCommand(click.Command):
    """A command whose options stand under headings.

    Attributes:
        groups: names of options by heading, in the order they are shown; all others stand under
            "Options" at the end.
    """

    groups: Mapping[str, Sequence[str]] = {}

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options."""
        grouped = {name for names in self.groups.values() for name in names}
        params = {str(param.name): param for param in self.get_params(ctx)}
        rest = [name for name in params if name not in grouped]
        for heading, names in {**self.groups, "Options": rest}.items():
            records = [params[name].get_help_record(ctx) for name in names]
            shown = [record for record in records if record is not None]
            if shown:
                with formatter.section(heading):
                    formatter.write_dl(shown)
