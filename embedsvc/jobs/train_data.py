"""Labelled texts compared with what is learned from."""

from __future__ import annotations

from embedsvc.classify.label_codec import LabelCodec, nearest_label
from embedsvc.classify.label_reading import text_of
from embedsvc.errors import InputError
from embedsvc.extract.rows import printable
from embedsvc.jobs.labelled_reading import LabelledReading
from embedsvc.jobs.labelled_texts import LabelledTexts


def check_label_columns(training: LabelledTexts, reading: LabelledReading) -> None:
    """Refuse a label column that is never 1: it would be lost without a word.

    Raises:
        InputError: there is one.
    """
    if not reading.labels.as_indicators:
        return
    used = {label for labels in training.labels for label in labels}
    unused = [name for name in reading.labels.names if name not in used]
    if unused:
        raise InputError(
            f"Expected each label column to be 1 in some row of {training.name}, got 0 in all rows "
            f"of {', '.join(unused[:5])}. Nothing can be learned there: leave these columns out."
        )


def known_labels(found: LabelledTexts, codec: LabelCodec, *, on_error: str) -> LabelledTexts:
    """Texts whose labels are all learned; the others are defects.

    Args:
        found: texts to measure on.
        codec: the labels that are learned.
        on_error: "error" stops at the first defect, "skip" leaves such texts out.

    Raises:
        InputError: a defect that is not skipped, or no text that is left.
    """
    known = set(map(text_of, codec.labels))
    rejects, kept = [], []
    for i, labels in enumerate(found.labels):
        several = (labels,) if isinstance(labels, str) else labels
        unknown = next((one for one in several if one not in known), None)
        if unknown is None:
            kept.append(i)
            continue
        near = nearest_label(unknown, codec.labels)
        guess = "" if near is None else f" Did you mean {near!r}?"
        reason = (
            f"Expected a label that is learned, got {printable(unknown, limit=60)!r}, which no "
            f"text to learn from has.{guess}"
        )
        if on_error == "error":
            raise InputError(
                f"{found.where[i]}: {reason} Correct it, or add --on-error skip to leave such "
                "rows out."
            )
        rejects.append({"where": found.where[i], "reason": reason})
    if not kept:
        raise InputError(
            f"Expected texts in {found.name} with labels that are learned, got none. The first: "
            f"{rejects[0]['where']}: {rejects[0]['reason']}"
        )
    left = found.only(kept, rejects)
    try:
        codec.encode(left.labels)
    except InputError as err:
        raise InputError(f"{found.name}: {err}") from err
    return left
