"""What the page on a descriptor of points says in sentences."""

from __future__ import annotations

from embedsvc.pairs.baselines import BASELINES
from embedsvc.pairs.pairs_evaluation import PairsEvaluation
from embedsvc.report.numbers import format_percent, plural
from embedsvc.report.pairs_data import PairsReport
from embedsvc.report.pairs_tables import ranked
from embedsvc.report.shown_text import isolated, shown_label

_SAME = 0.005  # a difference of accuracies that nobody should build on


def baselines_of(report: PairsReport) -> list[str]:
    """The measured models that have learned nothing at all, apart from the one of the page."""
    known = BASELINES if report.baselines is None else report.baselines
    return [one for one in report.evaluation.models if one in known and one != report.main]


def best_baseline(report: PairsReport) -> str | None:
    """The best of `baselines_of`; None where there are none."""
    return report.evaluation.best(baselines_of(report))


def verdict(report: PairsReport) -> str:
    """The result in one sentence."""
    evaluation = report.evaluation
    name = "The trained descriptor" if report.history else shown_label(report.main)
    return (
        f"{name} finds {_share(evaluation, report.main)} of points within "
        f"{evaluation.main_threshold:g} pixels."
    )


def lead(report: PairsReport) -> list[str]:
    """What the result compares with; a sentence each."""
    evaluation, main = report.evaluation, report.main
    told = _rivals(report)
    said = []
    if told:
        found = " and ".join(told.values())
        said = [f"{found[0].upper()}{found[1:]}.", _judgement(report, list(told))]
    first = ranked(evaluation)[0]
    if first != main and first not in told:
        said.append(
            f"The best of all measured here is {_named(first)}: {_share(evaluation, first)}."
        )
    return [*said, _by_sequence(report)]


def how_measured(evaluation: PairsEvaluation) -> str:
    """What the figures mean, and what they do not."""
    counts = sorted({row.n_measured for row in evaluation.of(evaluation.models[0])})
    among = plural(counts[0], "point") if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
    mean = (
        "Means are over sequences, each the mean of its pairs, so that every sequence counts the "
        "same. "
        if len(evaluation.sequences) > 1
        else "Means are over pairs. "
    )
    drawn = any(row.n_points > row.n_measured for row in evaluation.rows)
    return (
        f"Each point of a pair's first picture is given the most similar of the {among} of the "
        "second, and nothing doubtful is left out; among fewer points all figures would be higher. "
        f"{mean}AP is the average precision of the matches, the most similar first, where within "
        f"{evaluation.ap_threshold:g} pixels is right. An image is the median time for the points "
        "of one picture."
        + (
            f" Of pairs with more than {evaluation.max_points:,} points, as many were drawn (seed "
            f"{evaluation.seed})."
            if drawn
            else ""
        )
    )


def _rivals(report: PairsReport) -> dict[str, str]:
    """What the model of the page has to beat, and for each how it did, in words."""
    evaluation, main = report.evaluation, report.main
    told = {}
    untrained = report.untrained
    if untrained is not None and untrained != main:
        share = _share(evaluation, untrained)
        told[untrained] = f"{_untrained_words(report, untrained)} find {share}"
    baseline = best_baseline(report)
    if baseline is not None:
        n = len(baselines_of(report))
        which = f"the best of {n} baselines" if n > 1 else "the baseline"
        share = _share(evaluation, baseline)
        told[baseline] = f"{_named(baseline)}, {which} without a network, finds {share}"
    return told


def _judgement(report: PairsReport, rivals: list[str]) -> str:
    evaluation, limit = report.evaluation, report.evaluation.main_threshold
    own = evaluation.mean(report.main).accuracy[limit]
    untrained = report.untrained
    leads = {}
    for one in rivals:
        name = _untrained_words(report, one) if one == untrained else _named(one)
        leads[name] = own - evaluation.mean(one).accuracy[limit]
    better = [name for name, by in leads.items() if by > _SAME]
    alike = [name for name, by in leads.items() if abs(by) <= _SAME]
    worse = [name for name, by in leads.items() if by < -_SAME]
    parts = [
        f"{how} {' and '.join(names)}"
        for how, names in (("better than", better), ("as good as", alike), ("worse than", worse))
        if names
    ]
    if len(better) == 2:
        return "So it is better than both."
    return f"So it is {' and '.join(parts)}."


def _untrained_words(report: PairsReport, model: str) -> str:
    # Where the page is about a training, the untrained features are those it began with.
    return "the untrained features" + ("" if report.history else f" of {_named(model)}")


def _by_sequence(report: PairsReport) -> str:
    """Where it is best and worst: a mean hides that."""
    evaluation, limit = report.evaluation, report.evaluation.main_threshold
    shares = {
        one: evaluation.mean(report.main, one).accuracy[limit] for one in evaluation.sequences
    }
    low, high = min(shares, key=lambda one: shares[one]), max(shares, key=lambda one: shares[one])
    if len(shares) == 1:
        return f"All pairs are of one sequence, {_named(low)}."
    if shares[low] == shares[high]:
        return ""
    return (
        f"It is hardest on {_named(low)} ({_percent(shares[low])}) and easiest on "
        f"{_named(high)} ({_percent(shares[high])})."
    )


def _named(name: str) -> str:
    return isolated(shown_label(name))


def _share(evaluation: PairsEvaluation, model: str) -> str:
    return _percent(evaluation.mean(model).accuracy[evaluation.main_threshold])


def _percent(share: float) -> str:
    # No line ends between a number and its sign.
    return format_percent(share).replace(" ", "\u00a0")
