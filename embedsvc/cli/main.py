"""The `embedsvc` command: groups the commands and turns errors into messages and exit codes."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any

import click

from embedsvc import __version__
from embedsvc.cli.api_key import api_key
from embedsvc.cli.cluster import cluster
from embedsvc.cli.collect import collect
from embedsvc.cli.compare_detectors import compare_detectors
from embedsvc.cli.dedupe import dedupe
from embedsvc.cli.detect_anomalies import detect_anomalies
from embedsvc.cli.export import export
from embedsvc.cli.extract import extract
from embedsvc.cli.match import match
from embedsvc.cli.models import models
from embedsvc.cli.outliers import outliers
from embedsvc.cli.pairs import pairs
from embedsvc.cli.plot import plot
from embedsvc.cli.predict import predict
from embedsvc.cli.quickstart import quickstart
from embedsvc.cli.serve import serve
from embedsvc.cli.similar import similar
from embedsvc.cli.train import train
from embedsvc.cli.train_pairs import train_pairs
from embedsvc.errors import (
    ArtifactError,
    EmbedsvcError,
    InputError,
    MissingExtraError,
    OutputError,
    WeightsError,
)

EXIT_CODES: dict[type[EmbedsvcError], int] = {
    InputError: 3,
    ArtifactError: 4,
    WeightsError: 4,
    MissingExtraError: 4,
    OutputError: 5,
    EmbedsvcError: 1,
}
_INTERRUPTED = 130


class _Program(click.Group):
    """A group whose commands may raise `EmbedsvcError`."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except EmbedsvcError as err:
            if isinstance(err, OutputError):
                _drop_stdout()
            click.echo(f"Error: {err}", err=True)
            ctx.exit(exit_code(err))
        except KeyboardInterrupt as err:
            click.echo(f"\nInterrupted. {err}".rstrip(), err=True)
            ctx.exit(_INTERRUPTED)
        except BrokenPipeError:
            # Whoever read our output has had enough, as `head` does.
            _drop_stdout()
            ctx.exit(0)


def _drop_stdout() -> None:
    """Send what still waits for stdout nowhere: Python would try it again at exit and complain."""
    with suppress(OSError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def exit_code(err: EmbedsvcError) -> int:
    """The exit code of an error: that of its closest class in the table."""
    return next(EXIT_CODES[cls] for cls in type(err).__mro__ if cls in EXIT_CODES)


@click.group(
    cls=_Program,
    commands=[
        extract,
        train,
        predict,
        export,
        similar,
        cluster,
        dedupe,
        outliers,
        plot,
        collect,
        detect_anomalies,
        compare_detectors,
        match,
        pairs,
        train_pairs,
        serve,
        api_key,
        models,
        quickstart,
    ],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, package_name="embedsvc")
def main() -> None:
    """Turn texts and images into vectors, and act on them.

    \b
    embedsvc quickstart                                     try it on samples
    embedsvc extract reviews.csv -o reviews.parquet         texts or images to vectors
    embedsvc train reviews.csv --label topic -o mymodel     a classifier, and better vectors
    embedsvc predict mymodel new.csv -o predictions.csv     what it makes of other texts
    embedsvc export mymodel -o serving/mymodel/1            for TensorFlow Serving and others
    embedsvc similar reviews.parquet --query "late parcel"  the most similar texts or images
    embedsvc cluster reviews.parquet -o clusters.csv        groups of what is alike, with names
    embedsvc dedupe reviews.parquet -o kept.csv             one of all that are nearly the same
    embedsvc outliers reviews.parquet -o outliers.csv       what is unlike all the others
    embedsvc plot reviews.parquet -o map.html               a map of texts or images
    embedsvc collect add reviews reviews.csv                a collection that grows; collect search
    embedsvc detect-anomalies NEW --normal GOOD -o report   find the bad images
    embedsvc compare-detectors DATASET -o report            which detector is best on a labelled set
    embedsvc match a.jpg b.jpg --model sift -o matches.csv  matching points of two pictures
    embedsvc pairs pack pairs.csv -o packed                 images with matching points, to learn
    embedsvc train-pairs packed -o descriptor               a descriptor of points, learned
    embedsvc pairs evaluate packed --model descriptor       how well it finds points again
    embedsvc serve --model minilm                           an HTTP service and a page; api-key
    embedsvc models list                                    what models there are

    \b
    Exit codes: 0 done, 1 unexpected, 2 wrong usage, 3 unusable input, 4 model or weights not
    available, 5 output not writable or of another run, 130 interrupted.
    """
    # In our own process, and before TensorFlow and LanceDB are imported: no chatter on stderr.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("LANCEDB_LOG", "error")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
