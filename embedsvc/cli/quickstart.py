"""`embedsvc quickstart`."""

from __future__ import annotations

from pathlib import Path

import click

from embedsvc.cli.startup import quiet_start


@click.command(short_help="Try it on sample texts and pictures.")
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("quickstart"),
    show_default=True,
    help="Folder of the results.",
)
def quickstart(*, output: Path) -> None:
    """Turn 320 sample messages into vectors, and find the bad ones among pictures of a part.

    The first run pulls the default models (102 MB); later runs need no network.

    \b
    embedsvc quickstart
    embedsvc quickstart -o /tmp/try
    """
    from embedsvc.catalogue.cards import get_model
    from embedsvc.catalogue.pull import pull

    for model in ("minilm", "efficientnet-lite0"):
        pull(get_model(model))
    click.echo("Loading TensorFlow and the models ...", err=True)
    _show_texts(output)
    _show_images(output)


def _show_texts(output: Path) -> None:
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
    click.echo("Next: embedsvc extract YOUR.csv --column text -o vectors.parquet\n")


def _show_images(output: Path) -> None:
    from embedsvc.jobs.quickstart_images import run_quickstart_images
    from embedsvc.progress import is_terminal

    result = run_quickstart_images(output, show_progress=is_terminal())
    click.echo(
        f"{result.n_anomalous} of {result.n_images} pictures of a part are reported as defective, "
        "after learning from good ones alone."
    )
    if result.metrics and result.baseline_metrics:
        click.echo(
            f"AUROC {result.metrics['image_auroc']:.2f}; HOG, without deep learning, "
            f"{result.baseline_metrics['image_auroc']:.2f}."
        )
    click.echo(f"\nOpen {result.report} to see where.")
    click.echo("Next: embedsvc detect-anomalies YOUR_IMAGES --normal GOOD_IMAGES -o report")
