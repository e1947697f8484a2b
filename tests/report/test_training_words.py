"""What the page about a training run says."""

from dataclasses import replace

from made_training import made_measured, made_training

from embedsvc.report.training_words import kind_of, lead, task_name, verdict

LABELS = ["good", "bad"]


def made(task, **changes):
    return made_training(LABELS, task=task, n_training=100, **changes)


def with_metrics(measured, **changes):
    return replace(measured, metrics=replace(measured.metrics, **changes))


def test_verdicts():
    report = made("binary")
    measured = with_metrics(report.validation, n_texts=1200, accuracy=0.926)
    assert verdict(report, measured) == "Right for 92.6 % of 1,200 held-out texts."
    one = with_metrics(report.validation, n_texts=1, accuracy=1.0)
    assert verdict(report, one) == "Right for 100 % of 1 held-out text."
    assert verdict(report, None) == "Trained on 100 texts, and not measured."
    several = made("multilabel")
    measured = with_metrics(several.validation, n_texts=9, macro_f1=0.4711)
    assert verdict(several, measured) == "Macro F1 of 0.471 on 9 held-out texts."


def test_a_test_file_is_named_so():
    test = made_measured(LABELS, task="binary", n_texts=50)
    report = made("binary", test=test)
    assert kind_of(report, test) == "test"
    assert "50 test texts" in verdict(report, test)
    assert lead(report, test)[-1] == "The test texts had no part in the training."


def test_the_lead():
    report = made("binary")
    said = lead(report, report.validation)
    assert said[0] == (
        "minilm learned 2 labels from 100 texts in 4 min 24 s (trained: the head and all 6 layers)."
    )
    assert said[1].startswith("Always answering “\u2068good\u2069” would be right for ")
    assert said[2].startswith("The best epoch was chosen on the same texts")
    assert lead(report, None)[1].startswith("No text was held out")
    nothing = with_metrics(report.validation, n_texts=0)
    assert len(lead(report, nothing)) == 2


def test_the_lead_of_several_labels():
    report = made("multilabel")
    said = lead(report, report.validation)
    assert said[1].startswith("For ")
    assert said[2].startswith("Epoch and thresholds were chosen")


def test_tasks():
    assert task_name("binary") == "binary: two labels"
    assert task_name("another") == "another"
