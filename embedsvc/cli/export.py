"""`embedsvc export`."""

from __future__ import annotations

from pathlib import Path

import click

from embedsvc.cli.startup import quiet_start


@click.command(short_help="Export a model for other programs.")
@click.argument("model")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder to write; has to be new or empty.",
)
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["savedmodel", "keras", "huggingface"]),
    default="savedmodel",
    show_default=True,
    help="For TensorFlow Serving; for keras.saving.load_model; for sentence-transformers.",
)
@click.option("--overwrite", is_flag=True, help="Replace an export that stands in OUTPUT.")
@click.option("--quiet", is_flag=True, help="No last lines.")
def export(*, model: str, output: Path, file_format: str, overwrite: bool, quiet: bool) -> None:
    """Write MODEL in a format that other programs load.

    MODEL is a classifier's folder, as embedsvc train makes it, or any model for texts: a name from
    the catalogue, a handle or a folder.

    \b
    savedmodel    texts in, vectors and probabilities out, with the tokenizer inside
    keras         token ids in; load it after: import embedsvc.nets.bert, embedsvc.nets.text_encoder
    huggingface   the encoder alone, with its tokenizer

    \b
    embedsvc export mymodel -o serving/mymodel/1
    tensorflow_model_server --rest_api_port=8501 --model_name=mymodel \\
        --model_base_path=$PWD/serving/mymodel
    curl http://localhost:8501/v1/models/mymodel:predict \\
        -d '{"signature_name": "classify", "instances": ["Where is my parcel?"]}'

    \b
    embedsvc export mymodel --format huggingface -o mymodel-hf
    embedsvc export minilm --format keras -o minilm-keras

    What the output means is written down in OUTPUT/export.json.
    """
    with quiet_start():
        from embedsvc.jobs.export import export_model
    from embedsvc.files import format_bytes

    result = export_model(model, output, format=file_format, overwrite=overwrite)
    if quiet:
        return
    what = "encoder" if result.labels is None else f"classifier with {result.labels:,} labels"
    click.echo(f"{result.output}: {what} as {result.format}, {format_bytes(result.n_bytes)}")
    for note in result.notes:
        click.echo(note)
