"""Measures false alarms on windows without drift, and power at equal false alarms, beside the peers.

python benchmarks/alarms.py [--data FOLDER] [--tables houses,bikes] [--seeds 0,1,2] [--sizes 100,400,1600]
    [--only false_alarms,power]

Writes the sections `false_alarms` and `power` of RESULTS.md. Without `--data` the table of houses that a clone holds
is measured; a folder may hold more (`alarms_data.SOURCES`). A seed is one random cut of a table; what was measured of
it is kept in the cache folder, so that several runs add up. Evidently's numbers are made by our `compatible:
evidently`, which is compared with the installed Evidently on a window of each cut: 1.6 s of CPU for every window would
be hours.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from alarms_data import SHIFTS, SOURCES, Dataset, cut, tables
from alarms_rules import PEERS, Ours, evidently_difference, peers_of
from run import keep

WINDOWS, BUDGET, RATE = 90, "1 per quarter", 4 / 365.25
"""A quarter of daily windows, and the share of them that the budget lets alarm."""

OUR_WINDOWS, USUAL, PEERS_CUTS = 300, 400, 2
"""Windows of each cut and size that ours judges, their rows that it is calibrated for, and cuts the peers judge too."""

POWER_ROWS, EQUAL = 500, 0.05
"""Rows of windows that shift, and the false-alarm rate at which power is compared."""

CALM, SHIFTED = 200, 40
"""Windows without a shift that set every rule's threshold, and windows of each shift, for each seed."""

RULES = ("ours", *PEERS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--tables", default=",".join(SOURCES))
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--sizes", default="100,400,1600")
    parser.add_argument("--only", default="false_alarms,power")
    parser.add_argument("--cache", type=Path, default=Path(__file__).parent / ".cache/alarms")
    arguments = parser.parse_args()
    seeds, sizes = ([int(one) for one in text.split(",")] for text in (arguments.seeds, arguments.sizes))
    arguments.cache.mkdir(parents=True, exist_ok=True)
    chosen = {name: one for name, one in tables(arguments.data).items() if name in arguments.tables.split(",")}
    for seed in seeds:
        for name, table in chosen.items():
            data = cut(name, table, seed)
            if "false_alarms" in arguments.only:
                measured(arguments.cache / f"false-{name}-{seed}.json", false_alarms, (data, sizes, seed))
            if "power" in arguments.only:
                measured(arguments.cache / f"power-{name}-{seed}.json", power, (data, seed))
    data = "--data FOLDER " if arguments.data else ""
    for section, report in (("false_alarms", false_report), ("power", power_report)):
        if section not in arguments.only:
            continue
        text = report(arguments.cache)
        print(f"{text}\n")
        keep(section, text, f"python benchmarks/alarms.py {data}--only {section} --seeds {arguments.seeds}")


def measured(file: Path, measure: Any, given: tuple[Any, ...]) -> None:
    """Measures what the file does not hold yet."""
    if not file.exists():
        file.write_text(json.dumps(measure(*given)))
        print(file.name, flush=True)


def false_alarms(data: Dataset, sizes: Sequence[int], seed: int) -> dict[str, Any]:
    """By size, the windows that each rule alarms on: the peers on the first `WINDOWS` of them, of the first cuts."""
    ours, peers = Ours.of(data, USUAL, RATE, BUDGET), peers_of(data)
    found: dict[str, Any] = {"columns": len(data.rest), "difference": 0.0, "sizes": {}}
    for size in sizes:
        if size > len(data.rest[data.numbers[0]]):
            continue
        random, counts = np.random.default_rng([seed, size]), dict.fromkeys(RULES, 0)
        for place in range(OUR_WINDOWS):
            window = data.window(size, random)
            columns = peers.columns(window)
            counts["ours"] += int(ours.score(columns) > 1)
            if place >= WINDOWS or seed >= PEERS_CUTS:
                continue
            for rule, (alarmed, _) in peers.judged(columns).items():
                counts[rule] += int(alarmed)
            if place == 0:
                found["difference"] = max(found["difference"], evidently_difference(data, window, columns, peers))
        found["sizes"][str(size)] = counts
    return found


def false_report(cache: Path) -> str:
    """A row for each table and size over all cuts that were measured, and one for each table."""
    found: dict[str, dict[int, dict[str, Any]]] = {}
    for file in sorted(cache.glob("false-*.json")):
        _, name, seed = file.stem.split("-")
        found.setdefault(name, {})[int(seed)] = json.loads(file.read_text())
    cuts = ", ".join(f"{len(of)} of {name}" for name, of in found.items())
    lines = [
        f"## False alarms: of {WINDOWS} windows without drift",
        "",
        f"A window alarms when any column does; nothing has drifted. Means over random cuts of each table ({cuts}; of"
        f" the peers the first {PEERS_CUTS}). Ours is `use: broad` on all columns with `alarm_budget: {BUDGET}`,"
        f" calibrated for windows of {USUAL} rows, which lets {WINDOWS * RATE:.1f} of {WINDOWS} daily windows"
        f" alarm; in brackets its alarms in all windows, {OUR_WINDOWS} of each cut, and the 95% interval of their share"
        " (binomial, of as many windows as these are worth where those of one cut alarm together).",
        "",
        f"| table, columns | rows of a window | ours | within the budget | {' | '.join(PEERS)} |",
        "|---|---|---|---|" + "---|" * len(PEERS),
    ]
    everything: list[list[int]] = []
    for name, by_seed in found.items():
        sizes = sorted({int(size) for one in by_seed.values() for size in one["sizes"]})
        by_size = {size: {seed: one["sizes"][str(size)] for seed, one in by_seed.items()} for size in sizes}
        title = f"{name}, {next(iter(by_seed.values()))['columns']}"
        for size, alarms in by_size.items():
            lines.append(_false_row(title, f"{size:,}", [[one["ours"]] for one in alarms.values()], alarms))
        together = [[by_size[size][seed]["ours"] for size in sizes] for seed in by_seed]
        lines.append(_false_row(title, "all", together))
        everything += together
    lines.append(_false_row("all tables", "all", everything))
    worst = max((one["difference"] for of in found.values() for one in of.values()), default=0.0)
    lines.append(
        f"\nEvidently's numbers are those of the installed Evidently 0.7.23 to {worst:.1g} (one window of each cut and"
        " size). Its preset calls a data set drifted when half of its columns are."
    )
    return "\n".join(lines)


def _false_row(
    name: str, size: str, cuts: Sequence[Sequence[int]], alarms: Mapping[int, Mapping[str, int]] | None = None
) -> str:
    """`cuts` are our alarms of each cut, `alarms` those of every rule by cut."""
    from scipy.stats import binomtest

    by_cut, windows = np.array([sum(one) for one in cuts]), np.array([len(one) * OUR_WINDOWS for one in cuts])
    total, count = int(by_cut.sum()), int(windows.sum())
    share = total / count
    spread = float(np.sum((by_cut - share * windows) ** 2)) / max(len(cuts) - 1, 1) * len(cuts)
    worth = max(1.0, spread / max(share * (1 - share) * count, 1e-9))
    interval = binomtest(round(total / worth), round(count / worth)).proportion_ci()
    within = "yes" if interval.high <= RATE else "no" if interval.low > RATE else "not sure"
    peers = " | ".join(
        f"{np.mean([one[rule] for seed, one in alarms.items() if seed < PEERS_CUTS]):.1f}" if alarms else ""
        for rule in PEERS
    )
    told = f"{total:,} of {count:,}: {interval.low:.2%} to {interval.high:.2%}"
    return f"| {name} | {size} | **{share * WINDOWS:.1f}** ({told}) | {within} | {peers} |"


def power(data: Dataset, seed: int) -> dict[str, Any]:
    """Shift -> rule -> for each window whether it alarmed, thresholds set on windows without drift."""
    random = np.random.default_rng([seed, 2])
    ours, peers = Ours.of(data, POWER_ROWS, EQUAL, BUDGET, joint=True), peers_of(data)

    def scores(window: dict[str, Any]) -> dict[str, float]:
        columns = peers.columns(window)
        theirs = {rule: score for rule, (_, score) in peers.judged(columns).items()}
        return {"ours": ours.score(columns, window), **theirs}

    calm = [scores(data.window(POWER_ROWS, random)) for _ in range(CALM)]
    limits = {rule: float(np.quantile([one[rule] for one in calm], 1 - EQUAL, method="higher")) for rule in RULES}
    hits: dict[str, dict[str, list[bool]]] = {}
    for shift, strength in _shifts(data):
        into = hits.setdefault(f"{shift} {strength:g}", {rule: [] for rule in RULES})
        for _ in range(SHIFTED):
            window = data.window(POWER_ROWS, random)
            SHIFTS[shift][0](strength)(window, data, random)
            for rule, score in scores(window).items():
                into[rule].append(bool(score > limits[rule]))
    return hits


def power_report(cache: Path) -> str:
    """A row for each table and shift, over all seeds that were measured."""
    found: dict[tuple[str, str], dict[str, list[bool]]] = {}
    cuts: dict[str, int] = {}
    for file in sorted(cache.glob("power-*.json")):
        name = file.stem.split("-")[1]
        cuts[name] = cuts.get(name, 0) + 1
        for shift, by_rule in json.loads(file.read_text()).items():
            into = found.setdefault((name, shift), {rule: [] for rule in RULES})
            for rule, hits in by_rule.items():
                into[rule].extend(hits)
    measured = ", ".join(f"{count} of {name}" for name, count in cuts.items())
    lines = [
        f"## Power at equal false alarms: {EQUAL:.0%} of windows of {POWER_ROWS} rows",
        "",
        f"Every rule's score of a window is its largest over all columns; its threshold is set on {CALM} windows"
        f" without drift of the same cut, and all rules see the same {SHIFTED} shifted windows of a cut"
        f" (cuts: {measured}). Ours is `broad` and `correlation_shift` together,"
        " calibrated for that rate. Which column is shifted is left to"
        " chance, so that nobody sees some shifts. `alarms_data.py` says what the numbers beside a shift are.",
        "",
        f"| table | shift | ours | {' | '.join(PEERS)} | best peer | ours is |",
        "|---|---|---|" + "---|" * (len(PEERS) + 2),
    ]
    lines += [_power_row(name, shift, by_rule) for (name, shift), by_rule in found.items()]
    lines.append(
        "\n`above` or `below` where McNemar's test of the same windows tells ours from the best peer (p < 0.05), else"
        " `level`."
    )
    return "\n".join(lines)


def _shifts(data: Dataset) -> list[tuple[str, float]]:
    return [
        (name, strength)
        for name, (_, strengths) in SHIFTS.items()
        for strength in strengths
        if name != "category" or data.codes
    ]


def _power_row(name: str, shift: str, hits: Mapping[str, Sequence[bool]]) -> str:
    from scipy.stats import binomtest

    shares = {rule: float(np.mean(found)) for rule, found in hits.items()}
    best = max(PEERS, key=shares.__getitem__)
    mine, its = np.array(hits["ours"]), np.array(hits[best])
    only_mine, only_its = int((mine & ~its).sum()), int((its & ~mine).sum())
    apart = only_mine + only_its
    sure = bool(apart) and binomtest(only_mine, apart).pvalue < 0.05
    said = ("above" if only_mine > only_its else "below") if sure else "level"
    peers = " | ".join(f"{shares[rule]:.0%}" for rule in PEERS)
    return f"| {name} | {shift} | **{shares['ours']:.0%}** | {peers} | {best} | {said} |"


if __name__ == "__main__":
    main()
