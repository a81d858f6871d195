"""Writes the tables between `<!-- table: NAME -->` and `<!-- end -->` in README and docs from the raw results.

Run: python benchmarks/tables.py
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
DOCUMENTS = (
    *("README.md", "docs/results.md", "docs/architecture.md", "docs/explain.md", "docs/timeline.md"),
    *("docs/evaluation.md", "docs/audit.md", "docs/calibration.md", "docs/gpu.md", "docs/shares.md"),
    "docs/in-the-browser.md",
    *("src/emoscope/bundled/README.md", "models/accurate/src/emoscope_accurate/model/README.md"),
)
MARKED = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

BUNDLED, ACCURATE = ROOT / "src/emoscope/bundled", ROOT / "models/accurate/src/emoscope_accurate/model"
CORPORA = {"goemotions": "GoEmotions", "edos": "EDOS", "xed": "XED", "brighter": "BRIGHTER", "emorynlp": "EmoryNLP"}
PURPOSES = {
    "onnxruntime": "runs the graph",
    "numpy": "arrays in and out",
    "tokenizers": "word pieces, with the ids of the reference implementation",
    "huggingface_hub": "models and data sets from the Hub",
    "emoscope": "the package, its model included",
    "pip": "part of every virtual environment",
    "setuptools": "part of every virtual environment",
}


PROGRAMS = {
    "polars": "Polars",
    "duckdb": "DuckDB",
    "arrow js": "Arrow JS",
    "calls beside the pipeline": "`pipeline` of transformers, called beside a classifier",
}
"""Names of programs in the table, where they differ from those in the results."""


def main() -> None:
    for name in DOCUMENTS:
        path = ROOT / name
        path.write_text(MARKED.sub(lambda match: match[1] + TABLES[match[2]]() + match[3], path.read_text()))


def _result(name: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text())
    return record["results"] | {"machine": record["machine"]}


def _table(header: str, rows: list[str]) -> str:
    columns = header.count("|") - 1
    return "\n".join([header, "|" + "---|" * columns, *rows]) + "\n"


def _headline() -> str:
    from emoscope.evaluation.published import PUBLISHED

    quality, speed, startup, size = (_result(name) for name in ("quality", "pipeline_speed", "startup", "size"))
    bundled, medians = quality["bundled"], speed["median"]
    pipeline = max(rate for name, rate in medians.items() if name.startswith("pipeline"))
    seconds = startup["median"]
    references = f"DistilBERT, published: {PUBLISHED[0].accuracy}", _over_seeds(quality, "accuracy")
    rows = [
        _row(f"validation {title}", f"{bundled[key]:.4f}", _over_seeds(quality, key))
        for key, title in (
            ("accuracy", "accuracy"),
            ("f1_macro", "macro F1"),
            ("loss", "loss"),
            ("ece", "calibration error"),
        )
    ]
    rows[0] = _row("validation accuracy", f"{bundled['accuracy']:.4f}", "; ".join(filter(None, references)))
    left_out = _result("leave_one_out")["models"]
    rows += [
        _row(
            "accuracy on five corpora of real text, each left out of the training",
            f"{left_out['compact']['mean']['accuracy']:.3f}",
            f"accurate: {left_out['accurate']['mean']['accuracy']:.3f}",
        ),
        _row(
            "texts to probabilities, two CPU cores",
            f"{medians['emoscope']:,.0f} texts/s",
            _times(speed["ratio_to_best_pipeline"], pipeline),
        ),
        _row("wheel, model included", f"{size['wheel_bytes'] / 1e6:.1f} MB", ""),
        _row("base environment", f"{size['environment_bytes'] / 1e6:.0f} MB", "pip and setuptools included"),
        _row(
            "`import emoscope`",
            f"{seconds['import emoscope']:.2f} s",
            f"Python alone: {seconds['python -c pass']:.2f} s",
        ),
        _row(
            "`emoscope predict`, new process",
            f"{seconds['emoscope predict']:.2f} s",
            f"transformers pipeline: {seconds['transformers pipeline']:.2f} s",
        ),
    ]
    return _table("| metric | emoscope | reference |", rows)


def _over_seeds(quality: dict[str, Any], key: str) -> str:
    """Mean and standard deviation of a figure over the seeds; empty for one seed."""
    if len(quality["seeds"]) < 2:
        return ""
    mean, spread = (quality[statistic][key] for statistic in ("mean", "standard_deviation"))
    return f"{len(quality['seeds'])} seeds: {mean:.4f} ± {spread:.4f}"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def _seeds() -> str:
    quality = _result("quality")
    named = {f"seed {seed}, as trained": metrics for seed, metrics in quality["seeds"].items()}
    named |= {key.replace("_", " "): quality[key] for key in ("mean", "standard_deviation") if key in quality}
    named |= {"bundled (seed 0, int8 embeddings)": quality["bundled"], "accurate": quality["accurate"]}
    keys = ("accuracy", "f1_macro", "f1_weighted", "loss", "ece")
    keys += ("accuracy_without_keyword", "accuracy_sixty")
    rows = [_row(name, *(f"{metrics[key]:.4f}" for key in keys)) for name, metrics in named.items()]
    return _table(
        "| model | accuracy | macro F1 | weighted F1 | loss | ECE | unambiguous | sixty |",
        rows,
    )


def _speed() -> str:
    speed = _result("pipeline_speed")
    rows = [
        _row(name, f"{rate:,.1f}", _range(speed["texts_per_second"][name])) for name, rate in speed["median"].items()
    ]
    return _table("| system | texts/s, median | range |", rows)


def _times(ratio: float, pipeline: float) -> str:
    return f"transformers pipeline of DistilBERT's size: {pipeline:.1f} texts/s (ratio {ratio:,.0f})"


def _range(rates: list[float]) -> str:
    return f"{min(rates):,.1f} to {max(rates):,.1f}"


def _dependencies() -> str:
    sizes = _result("size")["distribution_bytes"]
    rows = [
        _row(name, f"{size / 1e6:.1f}", PURPOSES.get(name, "indirect dependency"))
        for name, size in sorted(sizes.items(), key=lambda item: -item[1])
    ]
    return _table("| distribution | MB | purpose |", rows)


def _browser() -> str:
    result = _result("browser")
    rows = [
        _row("size of the site on the wire", f"{result['bytes_on_the_wire'] / 1e6:.1f} MB"),
        _row("from opening the page to the first scores", f"{result['seconds_to_first_scores']:.1f} s"),
        _row(f"texts per second of a CSV of {result['rows']:,} rows", f"{result['texts_per_second']:,.0f}"),
    ]
    return _table(f"| measure | Chromium, {result['machine']['cores']} cores |", rows)


def _minilm() -> str:
    rows = [
        _row(
            f"{epoch['epoch']:.0f}",
            *(f"{epoch[key]:.4f}" for key in ("eval_accuracy", "eval_f1_macro", "eval_f1_weighted")),
        )
        for epoch in _result("minilm")["epochs"]
    ]
    return _table("| epoch | accuracy | macro F1 | weighted F1 |", rows)


def _comparison() -> str:
    from emoscope.evaluation import comparison_markdown

    return comparison_markdown(_result("comparison")).rstrip() + "\n"


def _full_size() -> str:
    rows = [
        _row(
            name,
            f"{architecture['parameters'] / 1e6:.2f}",
            f"{architecture['published_millions']:.2f}",
            f"{architecture['card_metrics']}",
        )
        for name, architecture in _result("full_size")["architectures"].items()
    ]
    return _table("| architecture | parameters, millions | published | metrics in its card |", rows)


def _cpu_encoders() -> str:
    rows = []
    architectures = {**_result("cpu_encoders")["architectures"], **_result("cpu_encoders_base")["architectures"]}
    for architecture, result in architectures.items():
        median, ratio = result["median"], result["ratio_to_best_pipeline"]
        for system, rate in sorted(median.items(), key=lambda item: -item[1]):
            share = result["share_of_bound"].get(system)
            cells = f"{rate:.1f}", f"{ratio[system]:.2f}", "" if share is None else f"{share:.0%}"
            rows.append(_row(architecture, system, *cells))
        best = f"{result['bound']:.1f}", f"{result['bound_to_best_pipeline']:.2f}", "100%"
        rows.append(_row(architecture, "*upper bound: measured rate of matrix products*", *best))
    return _table("| architecture | system | texts/s | ratio to best pipeline | share of upper bound |", rows)


def _explanation() -> str:
    result = _result("explanation")
    rates = [f"{result[name]['texts_per_second_median']:,.0f}" for name in ("loo", "shapley")]
    return _faithfulness(result, " texts/s |", rates)


def _explanation_minilm() -> str:
    result = _result("explanation_minilm")
    return _faithfulness(result, "", [])


def _faithfulness(result: dict[str, Any], more: str, cells: list[str]) -> str:
    methods = [method for method in ("loo", "shapley", "integrated-gradients") if method in result]
    rows = [
        _row(
            f"`{name}`",
            f"{method['deletion']:.3f}",
            f"{method['deletion_to_random']:.2f}",
            f"{method['insertion']:.3f}",
            f"{method['insertion_to_random']:.2f}",
            *cells[i : i + 1],
        )
        for i, (name, method) in enumerate((name, result[name]) for name in methods)
    ]
    return _table(f"| method | deletion | ratio to random | insertion | ratio to random |{more}", rows)


def _single_word() -> str:
    rows = [_row(name, f"{accuracy:.4f}") for name, accuracy in _result("single_word").items() if name != "machine"]
    return _table("| choice of the word | accuracy |", rows)


def _bias() -> str:
    result, rows = _result("bias"), []
    for comparison in (*result["comparisons"], result["reference"]):
        chance = between = ""
        if "shifts" in comparison:
            label, shift = max(comparison["shifts"].items(), key=lambda item: abs(item[1]["mean"]))
            star = " *" if shift["p_holm"] < 0.05 else ""
            between = f"{label} {shift['mean']:+.3f} ({shift['low']:+.3f} to {shift['high']:+.3f}){star}"
            chance = f"{shift['chance']:.3f}"
        cells = (
            f"{comparison['pairs']:,}",
            f"{comparison['flips']['share']:.1%}",
            f"{comparison['moved']['mean']:.3f}",
            chance,
            between,
        )
        rows.append(_row(f"{comparison['a']} / {comparison['b']}", *cells))
    return _table("| compared | pairs | flips | moved | chance | largest mean shift of a label |", rows)


def _calibration() -> str:
    result = _result("calibration")
    sets = result["prediction_sets"]["class-conditional, 90 %"]
    tenths, halves, labels = sets["tenths"], sets["halves"], list(result["rows_by_label"])
    lowest = min(zip(tenths["label_coverage"]["mean"], labels, strict=True))
    selective, temperature = result["selective_prediction"], result["temperature"]
    from_08 = selective["thresholds"]["0.8"]
    rows = [
        _row(
            "prediction sets at 90 %: coverage",
            f"{tenths['coverage']['mean']:.3f}",
            f"on halves: {_mean_and_sd(halves['coverage'])}",
        ),
        _row(
            "coverage of the least covered label",
            f"{lowest[0]:.3f}",
            f"{lowest[1]}, {result['rows_by_label'][lowest[1]]:,} rows",
        ),
        _row("labels per set", f"{tenths['size']['mean']:.3f}", f"empty sets: {tenths['empty']['mean']:.1%}"),
        _row(
            "accuracy of answers with a probability of 0.8 or more",
            f"{from_08['accuracy']:.1%}",
            f"{from_08['coverage']:.1%} of the rows answered",
        ),
        _row(
            "area under the risk-coverage curve",
            f"{selective['aurc']['maximum probability (shipped)']:.4f}",
            f"if every error came last: {selective['aurc']['every error last (upper bound)']:.4f}",
        ),
        _row(
            "calibration error, loss",
            f"{temperature['shipped']['ece']:.4f}, {temperature['shipped']['loss']:.4f}",
            f"without temperature: {temperature['none']['ece']:.4f}, {temperature['none']['loss']:.4f}",
        ),
    ]
    return _table("| metric | emoscope | reference |", rows)


def _prediction_sets() -> str:
    result = _result("calibration")
    rows = []
    for name, quality in result["prediction_sets"].items():
        tenths = quality["tenths"]
        shares = (f"{tenths[key]['mean']:.1%}" for key in ("empty", "multiple", "singleton_accuracy"))
        labels = (f"{value:.3f}" for value in tenths["label_coverage"]["mean"])
        coverage = f"{tenths['coverage']['mean']:.3f}"
        rows.append(
            _row(
                name,
                coverage,
                _mean_and_sd(quality["halves"]["coverage"]),
                f"{tenths['size']['mean']:.2f}",
                *shares,
                *labels,
            )
        )
    labels = " | ".join(f"{name} ({rows})" for name, rows in result["rows_by_label"].items())
    return _table(
        f"| sets | coverage | coverage on halves | labels per set | empty | multiple | singleton accuracy | {labels} |",
        rows,
    )


def _models() -> str:
    """The two models and their cascade, side by side."""
    quality, speed = _result("quality"), _result("pipeline_speed")["ratios"]
    sentences, left_out = _result("first_sentences")["share_right"], _result("leave_one_out")["models"]
    of_model = {"bundled": "compact", "accurate": "accurate"}
    rows = [
        _row(
            f"`{name}`",
            f"{left_out[of_model[name]]['mean']['accuracy']:.3f}",
            f"{sentences[name]['all']:.1%}",
            f"{quality[name]['accuracy']:.3f}",
            f"{speed['emoscope' if name == 'bundled' else name]:,.0f} times",
        )
        for name in of_model
    ]
    rows += [_row(f"`{name}`", *"---", f"{speed[name]:,.0f} times") for name in ("cascade", "cascade:0.95")]
    return _table(
        "| model | left-out corpora, accuracy | 200 first sentences | `emotion`, validation accuracy | "
        "speed, against a pipeline of DistilBERT's size |",
        rows,
    )


def _sentences() -> str:
    shares = _result("first_sentences")["share_right"]
    first = next(iter(shares.values()))
    rows = [_row(kind.replace("_", " "), *(f"{share[kind]:.0%}" for share in shares.values())) for kind in first]
    return _table(f"| kind | {' | '.join(shares)} |", rows)


def _corpora() -> str:
    """Each corpus by models that were trained without it."""
    names = {"baseline": "bundled's student on `emotion` and GoEmotions", "compact": "bundled", "accurate": "accurate"}
    rows = []
    for model, corpora in _result("leave_one_out")["models"].items():
        for corpus in (*CORPORA, "mean"):
            figures = corpora[corpus]
            keys = ("accuracy", "f1_macro", "ece", "neutral_auroc", "neutral_sure")
            values = ("-" if figures[key] is None else f"{figures[key]:.3f}" for key in keys)
            rows.append(_row(names[model], CORPORA.get(corpus, corpus), *values))
    return _table(
        "| model | left-out corpus | accuracy | macro F1 | ECE | AUROC of neutral | neutral texts above 0.8 |", rows
    )


def _written_text() -> str:
    """What each model's calibration of written texts does on a corpus, if it is fitted on the others."""
    rows = []
    for model, folder in {"bundled": BUNDLED, "accurate": ACCURATE}.items():
        manifest = json.loads((folder / "emoscope.json").read_text())
        for corpus, row in manifest["calibration_report"]["written"]["left_out"].items():
            digits = {"ece": 3, "neutral_sure": 3, "set_coverage": 3, "set_size": 1}
            cells = (
                f"{row[f'{key}_before']:.{count}f} → {row[f'{key}_after']:.{count}f}" for key, count in digits.items()
            )
            rows.append(_row(model, CORPORA[corpus], *cells))
    header = "| model | left-out corpus | ECE | neutral texts above 0.8 | coverage of sets for 90 % | labels per set |"
    return _table(header, rows)


def _selective_prediction() -> str:
    points = _result("calibration")["selective_prediction"]["thresholds"]
    rows = [_row(limit, f"{point['coverage']:.1%}", f"{point['accuracy']:.2%}") for limit, point in points.items()]
    return _table("| threshold | coverage | accuracy |", rows)


def _temperature() -> str:
    rows = [
        _row(name, *(f"{figures[key]:.4f}" for key in ("temperature", "loss", "ece")))
        for name, figures in _result("calibration")["temperature"].items()
    ]
    return _table("| temperature | value | loss | calibration error |", rows)


def _mean_and_sd(spread: dict[str, Any]) -> str:
    return f"{spread['mean']:.3f} ± {spread['standard_deviation']:.3f}"


def _long_texts() -> str:
    measured = _result("long_texts")["measured"]
    rows = []
    for rule, kinds in measured.items():
        comments, *recombined = kinds.values()
        means = {metric: sum(kind[metric] for kind in recombined) / len(recombined) for metric in comments}
        rows.append(_row(rule, *(f"{part[metric]:.3f}" for part in (comments, means) for metric in comments)))
    return _table("| rule | comments: accuracy | log loss | ECE | recombined: accuracy | log loss | ECE |", rows)


def _scoring() -> str:
    rows = [
        _row(
            f"{size['rows']:,}",
            f"{_best(size, 'score'):,.0f}",
            f"{_best(size, 'loop'):,.0f}",
            f"{size['share_of_loop']:.1%}",
            f"{size['peak_mb']:.0f} MB",
        )
        for size in map(_result, ("scoring_1000000", "scoring_5000000"))
    ]
    return _table("| rows | rows/s | rows/s of `predict_proba` alone | ratio | peak memory |", rows)


def _best(size: dict[str, Any], name: str) -> float:
    return max(run["rows_per_second"] for run in size[name])


def _scoring_faults() -> str:
    kills, fuzz = _result("scoring_kills"), _result("scoring_fuzz")
    outcomes: dict[str, int] = {}
    for name, count in fuzz["counts"].items():
        outcome = name.partition(": ")[2]
        outcomes[outcome] = outcomes.get(outcome, 0) + count
    rows = [
        _row(
            f"{kills['kills']} SIGKILLs at random moments of a run over {kills['rows']:,} rows, which was then resumed",
            f"{kills['identical']} of {kills['kills']} tables and reports identical to those of an uninterrupted run",
        ),
        _row(
            f"{fuzz['cases']:,} broken CSV, JSON-lines and Parquet files",
            f"{len(fuzz['failures'])} failures; {', '.join(f'{count:,} {name}' for name, count in outcomes.items())}",
        ),
    ]
    return _table("| test | outcome |", rows)


def _foreign_tables() -> str:
    """Cells and calls by program; those of a program's formats are added up."""
    result = _result("foreign_tables")
    found: dict[str, tuple[list[str], int, int]] = {}
    for name, counts in result.items():
        if isinstance(counts, dict) and "compared" in counts:
            program, _, form = name.partition(", ")
            forms, compared, differ = found.get(program, ([], 0, 0))
            found[program] = [*forms, form], compared + counts["compared"], differ + counts["differ"]
    rows = [
        _row(PROGRAMS.get(program, program), ", ".join(filter(None, forms)) or "-", f"{compared:,}", str(differ))
        for program, (forms, compared, differ) in found.items()
    ]
    return _table("| program | formats that it wrote | cells, scores and calls compared | different |", rows)


def _serving() -> str:
    latency, overload, drain = (_result(f"serving_{name}") for name in ("latency", "overload", "drain"))
    rows = [
        _row(
            f"{float(share):.0%} of the maximum rate, {at['rate']:,.0f} requests/s",
            f"p99 {at['p99']:.1f} ms",
            f"median {at['p50']:.1f} ms; rejected {at['refused']:.1%}; p99 of a server without a model "
            f"{at['bare_p99']:.1f} ms; medians of {len(latency['rounds'])} rounds",
        )
        for share, at in latency["median"].items()
    ]
    under, found = overload["overload"]["under"], overload["overload"]
    first_ms = found["first_refused_after_seconds"] * 1e3
    seconds = overload["seconds"]
    rows.append(
        _row(
            f"{found['times']:g} times the maximum rate for {seconds:.0f} s, {found['rate']:,.0f} requests/s",
            f"p99 of accepted requests {under['latency_ms']['p99']:.0f} ms",
            f"{under['requests_per_second']:,.0f}/s accepted; first 429 after {first_ms:.0f} ms, "
            f"median {under['refused_latency_ms']['p50']:.1f} ms; {_recovery(found)}",
        )
    )
    soak, attacks = _result("serving_soak"), _result("serving_attacks")
    rows.append(
        _row(
            f"{soak['requests']:,} requests",
            f"memory {soak['growth']:+.1%} from warm-up to end",
            f"{soak['after_warm_up'] / 1e6:.0f} MB, {soak['end'] / 1e6:.0f} MB",
        )
    )
    broken, keys = attacks["broken"], attacks["keys"]
    wrong, cut = (sum(keys[kind].values()) for kind in ("status", "broken_without_key"))
    rows += [
        _row(
            f"{sum(broken['status'].values()):,} broken requests, {attacks['cancelled']['requests']:,} cancelled",
            f"{len(broken['failures'])} with 5xx, {sum(attack['tracebacks'] for attack in (broken, keys))} tracebacks",
            f"exit status of schemathesis: {attacks['schemathesis']['exit_status']}",
        ),
        _row(
            f"{wrong} requests with wrong keys, {cut} malformed and without a key",
            f"{len(keys['answers_without_the_key'])} accepted without the key",
            "",
        ),
        _row(
            f"{attacks['slow']['clients']:,} simultaneous slow clients",
            f"p99 of other clients {attacks['slow']['ordinary_beside']['latency_ms']['p99']:.1f} ms",
            f"without them {attacks['slow']['ordinary_before']['latency_ms']['p99']:.1f} ms",
        ),
    ]
    answered, unavailable = drain["sent_before"]["200"], drain["sent_before"]["503"]
    rows.append(
        _row(
            f"SIGTERM under load, {drain['rounds']} times",
            f"{drain['lost']} requests lost",
            f"{answered:,} answered with 200, {unavailable:,} with 503",
        )
    )
    workers = _result("serving_workers")
    rows.append(
        _row(
            f"SIGKILL of one of 2 workers under load, {len(workers['kills'])} times",
            f"failed requests: {workers['failed']} in killed workers, {workers['failed_in_other_workers']} in others",
            f"a new client has its response after at most {workers['longest_seconds_to_a_response']:.2f} s",
        )
    )
    return _table("| load | outcome | reference |", rows + _serving_fairness())


def _serving_fairness() -> list[str]:
    memory, bulk = _result("serving_memory"), _result("serving_bulk")
    attacks = {
        "unread": "{} clients that read no responses",
        "long_texts": "{} clients with the longest texts, U+FDFA",
        "bodies": "{} bodies of 3.9 MB that never end",
        "disk": "{} tables without end, and no reader",
        "heads": "{} headers without end",
    }
    rows = [
        _row(
            load.format(memory[name]["clients"]),
            f"memory {memory[name]['extra_mb']:+.0f} MB beside an idle server",
            f"peak {memory[name]['peak_mb']:.0f} MB",
        )
        for name, load in attacks.items()
    ]
    for quiet in (8, 16):
        phases = bulk[f"quiet_{quiet}"]
        beside, recovery = phases["beside"]["share_429"], phases["recovery"]["share_429"]
        rows.append(
            _row(
                f"{quiet} clients with single texts, beside {bulk['bulk']} with 1,000 texts a request",
                f"{beside:.1%} of the single texts rejected",
                f"{recovery:.1%} in the second after the bulk requests",
            )
        )
    return rows


def _precision() -> str:
    rows = [
        _row(
            name,
            f"{found['largest_difference']:.6f}",
            f"{found['texts_beyond_0.01']}",
            f"{found['equal_labels']:.4f}",
        )
        for name, found in _result("precision")["by_dtype"].items()
    ]
    return _table(
        "| precision | largest difference of a probability from float32 | texts with more than 0.01 | equal labels |",
        rows,
    )


def _recovery(found: dict[str, Any]) -> str:
    """Time after an overload from which 70 % of the maximum rate is answered for a second without a rejection."""
    refused = [step["status"].get("429", 0) for step in found["after_by_quarter_second"]]
    calm = next(i for i in range(len(refused)) if not any(refused[i : i + 4]))
    return f"none rejected at 70% from {calm / 4:g} s after the overload"


def _serving_peers() -> str:
    result = _result("serving_peers")
    ours = [name for name in result["best"] if name.startswith("emoscope")]
    peer = max(rate for name, rate in result["best"].items() if name not in ours)
    rows = [
        _row(name, f"{rate:,.0f}", f"{rate / peer:.1f}")
        for name, rate in sorted(result["best"].items(), key=lambda item: -item[1])
    ]
    return _table("| server | requests/s | ratio to best peer |", rows)


def _serving_servers() -> str:
    speed, attacked = _result("serving_servers"), _result("serving_servers_attacks")
    names = {
        "emoscope": "emoscope's connection class",
        "uvicorn": "uvicorn, httptools",
        "granian": "Granian",
        "before": "emoscope, the commit before",
    }
    rows = []
    for name, median in speed["median"].items():
        ratios = [one[name]["largest"] / one["emoscope"]["largest"] for one in speed["rounds"]]
        cells = [
            f"{median['ratio']:.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
            *(f"{median[f'p99_at_{share}']:.0f} ms" for share in speed["shares"]),
        ]
        rows.append(_row(names[name], *cells, *_attacked(attacked[name]) if name in attacked else [""] * 5))
    shares = " | ".join(f"p99 at {share:.0%}" for share in speed["shares"])
    heads = "5xx of 10,000 broken requests | slow clients ended | 20 headers without end | requests cut by 5 SIGTERMs"
    return _table(f"| server | largest rate | {shares} | 1,000 idle, slow clients | {heads} |", rows)


def _attacked(found: dict[str, Any]) -> list[str]:
    held, drain = found["connections"], found["drain"]
    idle, slow = (held[kind] - held["before"] for kind in ("idle", "slow"))
    heads, attacks = found["memory"]["heads"], found["attacks"]
    return [
        f"{idle:+.0f}, {slow:+.0f} MB",
        f"{len(attacks['broken']['failures'])}",
        f"{attacks['slow']['ended_by_the_server']:,} of {attacks['slow']['clients']:,}",
        f"{heads['extra_mb']:+.0f} MB",
        f"{drain['cut_after_the_signal']}",
    ]


def _frames() -> str:
    rows = [
        _row(name, f"{way['rows_per_second']:,.0f}", f"{way['share_of_bare']:.0%}")
        for name, way in _result("frames")["ways"].items()
    ]
    return _table("| column of texts | rows/s | share of bare `predict_proba` |", rows)


def _shares_simulation() -> str:
    found = _result("shares_simulation")
    rows = []
    for kind, title in (("stratified", "`emoscope sample`"), ("simple", "simple random sample")):
        for part, name in ((found[kind], "all rows"), (found[kind]["groups"], "groups")):
            covered = [emotion["covered"] for emotion in part["emotions"].values()]
            biases = [abs(emotion["bias_points"]) for emotion in part["emotions"].values()]
            cells = (f"{part['covered']:.1%}", f"{min(covered):.1%} to {max(covered):.1%}", f"{max(biases):.2f}")
            rows.append(
                _row(f"{title}, {name}", *cells, f"{part['naive_error_points']:.1f}", f"{part['narrower']:.0%}")
            )
    heads = "| sample | covered | each emotion | largest bias, points | count off by, points | narrower |"
    return _table(heads, rows)


def _shares_corpora() -> str:
    rows = []
    for name, part in _result("shares_corpora").items():
        if not isinstance(part, dict) or "emotions" not in part:
            continue
        covered = [emotion["covered"] for emotion in part["emotions"].values()]
        cells = (
            f"{part['rows']:,}",
            f"{part['accuracy']:.2f}",
            f"{part['naive_error_points']:.1f}",
            f"{max(abs(emotion['bias_points']) for emotion in part['emotions'].values()):.2f}",
            f"{part['covered']:.1%} ({min(covered):.1%} to {max(covered):.1%})",
            f"{part['narrower']:.0%}",
            f"{min(emotion['narrower'] for emotion in part['emotions'].values()):.0%}".replace("-0%", "0%"),
        )
        rows.append(_row(name, *cells))
    heads = ("corpus", "rows", "accuracy", "count off by, points", "largest bias, points", "covered (each emotion)")
    return _table(_row(*heads, "narrower", "least"), rows)


def _shares_case() -> str:
    rows = [
        _row(
            case["label"],
            f"{case['naive']:.1%}",
            f"{case['share']:.1%}",
            f"{case['interval'][0]:.1%} to {case['interval'][1]:.1%}",
            f"{case['true']:.1%}",
        )
        for case in _result("shares_corpora")["case"]
    ]
    return _table("| emotion | counted | estimated | 95 % interval | all labels |", rows)


def _shares_speed() -> str:
    rows = []
    for name, part in _result("shares_speed").items():
        if not isinstance(part, dict) or "estimate" not in part:
            continue
        kind, count = name.split(", ")
        for command in ("sample", "estimate"):
            figures = part[command]
            cells = (
                f"{figures['cpu_seconds']:.1f} s",
                f"{figures['seconds']:.0f} s",
                f"{figures['peak_megabytes']} MB",
            )
            rows.append(_row(f"`emoscope {command}`, {kind}", f"{int(count):,}", *cells))
    return _table("| command | rows | CPU time | clock | peak memory |", rows)


TABLES: dict[str, Callable[[], str]] = {
    "headline": _headline,
    "seeds": _seeds,
    "speed": _speed,
    "dependencies": _dependencies,
    "browser": _browser,
    "minilm": _minilm,
    "comparison": _comparison,
    "full_size": _full_size,
    "explanation": _explanation,
    "explanation_minilm": _explanation_minilm,
    "single_word": _single_word,
    "bias": _bias,
    "calibration": _calibration,
    "prediction_sets": _prediction_sets,
    "models": _models,
    "sentences": _sentences,
    "corpora": _corpora,
    "written_text": _written_text,
    "selective_prediction": _selective_prediction,
    "temperature": _temperature,
    "cpu_encoders": _cpu_encoders,
    "long_texts": _long_texts,
    "scoring": _scoring,
    "scoring_faults": _scoring_faults,
    "foreign_tables": _foreign_tables,
    "serving": _serving,
    "precision": _precision,
    "serving_peers": _serving_peers,
    "serving_servers": _serving_servers,
    "frames": _frames,
    "shares_simulation": _shares_simulation,
    "shares_corpora": _shares_corpora,
    "shares_case": _shares_case,
    "shares_speed": _shares_speed,
}

if __name__ == "__main__":
    main()
