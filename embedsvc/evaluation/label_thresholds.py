"""One threshold a label, for labels of which any number may apply.

**Why not 0.5.** A label that one text in a hundred has is rarely given 50 %, so at 0.5 it is never
found. **Why not simply the best on validation.** A label with four texts there has a best
threshold by luck.

**The rule.** What labels share is not a probability (a rare label's may all lie under 0.02) but
how generous to be: the number of texts a label is given, divided by the number that have it. With
n_k texts of label k in validation, its own best ratio r_k and the ratio r that gives the best
mean F1 when all labels share it:

    log ratio_k = w_k log r_k + (1 - w_k) log r,        w_k = n_k / (n_k + 20)

and the threshold lies where label k is given ratio_k * n_k of the validation texts. A label with
many texts keeps its own best threshold, a rare one follows the others, one that validation never
shows is held to count half a text.

Measured on GoEmotions (28 labels, logistic regression on 5,000 texts, macro-F1 on 3,000 others;
"own best" is 0.5 for a label without a text):

    texts to tune on    200     500     1,000   3,000
    0.5 for all         0.145   0.145   0.145   0.145
    own best each       0.267   0.304   0.321   0.324
    this rule           0.303   0.313   0.325   0.328

The 20 was chosen on the same texts; from 10 to 40 it hardly matters.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from embedsvc.errors import InputError
from embedsvc.evaluation.curves import Curve, label_curve
from embedsvc.evaluation.decisions import USUAL_THRESHOLD, check_indicator, check_probabilities

_PRIOR_TEXTS = 20
"""As many texts must a label have to weigh as much as all labels together."""
_UNSEEN_TEXTS = 0.5
_RATIOS = np.geomspace(0.25, 8, 41)


def tune_thresholds(targets: ArrayLike, probabilities: ArrayLike) -> NDArray[np.float64]:
    """The thresholds with the best F1 that validation can vouch for; see the module for the rule.

    Tune on texts the classifier did not learn from, and report figures on yet other ones.

    Args:
        targets: 0s and 1s of shape (n_texts, n_labels).
        probabilities: numbers from 0 to 1 of shape (n_texts, n_labels).

    Returns:
        float64 of shape (n_labels,), each more than 0 and less than 1 and halfway between two
        neighbouring probabilities of its label. 0.5 each where no text has any label.

    Raises:
        InputError: other shapes, or numbers outside their limits.

    Example:
        >>> targets = [[1], [1], [0], [0]]
        >>> tune_thresholds(targets, [[0.4], [0.3], [0.2], [0.1]])
        array([0.25])

    Source:
        Yang: A study of thresholding strategies for text categorization, 2001
        (https://doi.org/10.1145/383952.383975): by score ("SCut") and by proportion ("PCut"),
        which are joined here.
        Fan, Lin: A study on threshold selection for multi-label classification, 2007.
    """
    values = check_probabilities(probabilities, task="multilabel")
    true = check_indicator(targets, n_labels=values.shape[1])
    if len(true) != len(values):
        raise InputError(
            f"Expected as many targets as rows of probabilities, got {len(true)} and "
            f"{len(values)}. Give both for the same texts."
        )
    if not true.any():
        return np.full(values.shape[1], USUAL_THRESHOLD)
    curves = [label_curve(values[:, k], true[:, k]) for k in range(values.shape[1])]
    shared = _shared_ratio([curve for curve in curves if curve.n_positive])
    return np.array([_threshold(curve, shared) for curve in curves])


def _shared_ratio(curves: list[Curve]) -> float:
    """The ratio with the best mean F1 when every label has it; of equals the nearest to 1."""
    f1 = np.zeros(len(_RATIOS))
    for curve in curves:
        f1 += curve.f1[curve.nearest(_RATIOS * curve.n_positive)]
    best = _RATIOS[f1 >= f1.max() - 1e-12]
    return float(best[np.argmin(np.abs(np.log(best)))])


def _threshold(curve: Curve, shared: float) -> float:
    if not curve.n_positive and curve.given[0] > 1:
        # Equal probabilities cannot be parted: better to no text than to all of them.
        return min((1 + float(curve.lowest[0])) / 2, float(np.nextafter(1, 0)))
    n_positive = curve.n_positive or _UNSEEN_TEXTS
    ratio = shared
    if curve.n_positive:
        own = curve.given[np.argmax(curve.f1)] / n_positive
        weight = n_positive / (n_positive + _PRIOR_TEXTS)
        ratio = own**weight * shared ** (1 - weight)
    step = int(curve.nearest(np.array([ratio * n_positive]))[0])
    below = float(curve.lowest[step + 1]) if step + 1 < len(curve.lowest) else 0.0
    middle = (below + float(curve.lowest[step])) / 2
    return float(np.clip(middle, np.nextafter(0, 1), np.nextafter(1, 0)))
