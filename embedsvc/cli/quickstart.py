"""`embedsvc quickstart`."""

from __future__ import annotations

from pathlib import Path

import click

from embedsvc.cli.startup import quiet_start


@click.command(short_help="Try it on sample texts.")
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("quickstart"),
    show_default=True,
    help="Folder of the results.",
)
def quickstart(*, output: Path) -> None:
    """Turn 320 sample messages into vectors and show who is near whom.

    The first run pulls the default model (84 MB); later runs need no network.

    \b
    embedsvc quickstart
    embedsvc quickstart -o /tmp/try
    """
    from embedsvc.catalogue.cards import get_model
    from embedsvc.catalogue.pull import pull

    pull(get_model("minilm"))
    click.echo("Loading TensorFlow and the model ...", err=True)
    from embedsvc.progress import progress_bar

    with quiet_start():
        from embedsvc.jobs.quickstart import NEIGHBOURS, VECTORS, run_quickstart

    with progress_bar("Embedding", total=None, unit="texts") as advance:
        result = run_quickstart(output, advance=advance)
    summary = result.summary
    click.echo(
        f"{summary.rows} messages became vectors of {result.dim} numbers in "
        f"{summary.seconds:.1f} s.\n"
    )
    for text, neighbours in result.examples:
        click.echo(f"  {text}")
        for other in neighbours:
            click.echo(f"    {other.cosine:.2f}  [{other.topic}] {other.text}")
        click.echo()
    click.echo(
        f"For {result.same_topic:.0%} of them the nearest other message is about the same of "
        f"{result.n_topics} topics, which the model was never told."
    )
    click.echo(f"\nVectors:    {output / VECTORS}\nNeighbours: {output / NEIGHBOURS}")
    click.echo("Next: embedsvc extract YOUR.csv --column text -o vectors.parquet")
