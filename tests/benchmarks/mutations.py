"""Faults written into a copy of the code, one at a time: does some test notice each of them?

    nice -n 10 python tests/benchmarks/mutations.py [WORD] [--list]

Each fault replaces one piece of text in a temporary copy of the project, in which the tests of its subject
then run. A fault that no test notices ("survived") asks for a test; one whose text is no longer found, or
whose tests fail without it, is an error of this list. With WORD only the faults whose name holds it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = (".*", "__pycache__", "build", "dist", "*.egg-info", "notebooks", "node_modules", "shared")


@dataclass(frozen=True)
class Fault:
    """A piece of text, what is put in its place, and the tests that are to notice."""

    name: str
    file: str
    text: str
    instead: str
    tests: tuple[str, ...]


FAULTS = (
    Fault(
        "AICc without its correction",
        "helpers/fitting/result.py",
        "return self._badness + 2 * count + 2 * count * (count + 1) / (size - count - 1)",
        "return self._badness + 2 * count",
        ("tests/test_fitting.py::TestMinimum::test_aicc_by_hand",),
    ),
    Fault(
        "freedom that does not count rates on their bound",
        "helpers/fitting/result.py",
        "return self.problem.size - int(self.free.sum())",
        "return self.problem.size - int(self.active.sum())",
        ("tests/test_fitting.py::TestErrorsBesideABound",),
    ),
    Fault(
        "criteria that do not count rates on their bound",
        "helpers/fitting/result.py",
        "weighed = self.problem.likelihoods[0].function is not None\n        return int(self.free.sum())",
        "weighed = self.problem.likelihoods[0].function is not None\n        return int(self.active.sum())",
        ("tests/test_fitting.py::TestErrorsBesideABound",),
    ),
    Fault(
        "criteria of known noise that do not count rates on their bound",
        "helpers/fitting/result.py",
        "if self.problem.is_absolute:\n            return int(self.free.sum())",
        "if self.problem.is_absolute:\n            return int(self.active.sum())",
        ("tests/test_fitting.py::TestErrorsBesideABound",),
    ),
    Fault(
        "freedom of the errors that does not count rates on their bound",
        "helpers/fitting/weighing.py",
        "spare = float(_spare(problem, free))",
        "spare = float(problem.size - _active(problem, x, free).sum())",
        ("tests/test_fitting.py::TestErrorsBesideABound",),
    ),
    Fault(
        "points to spare that do not count rates on their bound",
        "helpers/uncertainty/profile_path.py",
        "return fit.problem.size - int(fit.free.sum())",
        "return fit.problem.size - int(fit.active.sum())",
        ("tests/test_uncertainty.py::TestProfile::test_five_points_determine_no_four_rates",),
    ),
    Fault(
        "residual bootstrap not freed of bias",
        "helpers/uncertainty/resampling.py",
        "bias = np.sqrt(fit.problem.size / fit.freedom)",
        "bias = 1.0",
        (
            "tests/test_uncertainty.py::TestBootstrap::test_few_residuals_are_freed_of_what_the_fit_took_from_them",
        ),
    ),
    Fault(
        "residual bootstrap with the mean of the residuals left in",
        "helpers/uncertainty/resampling.py",
        "(each - each.mean()) * bias",
        "each * bias",
        (
            "tests/test_uncertainty.py::TestBootstrap::test_replicates_lie_around_the_fit_whatever_the_residuals_mean",
        ),
    ),
    Fault(
        "advice with unscaled noise",
        "helpers/uncertainty/advice.py",
        "size = 1.0 if fit.problem.is_absolute else np.sqrt(fit.variance)",
        "size = 1.0",
        ("tests/test_advice.py::TestNextMeasurement::test_so_does_one_without_known_noise",),
    ),
    Fault(
        "trade-offs from .99 on",
        "helpers/uncertainty/advice.py",
        "_TRADE_OFF = 0.9 ",
        "_TRADE_OFF = 0.99 ",
        ("tests/test_advice.py::TestTradeOffs::test_above_nine_tenths_a_correlation_is_named",),
    ),
    Fault(
        "structure from p = .5 on",
        "helpers/fitting/order.py",
        "DOUBT = 0.01 ",
        "DOUBT = 0.5 ",
        ("tests/test_residual_tests.py::TestCorrelatedNoise::test_independent_noise_widens_nothing",),
    ),
    Fault(
        "structure of a series from p = .5 on",
        "helpers/uncertainty/residual_tests.py",
        "return Misfit(bool(p < DOUBT)",
        "return Misfit(bool(p < (DOUBT if len(tests) == 1 else 0.5))",
        ("tests/test_residual_tests.py::TestCounts::test_the_right_law_is_neither_structured_nor_noisy",),
    ),
    Fault(
        "chance of the clearest of several traces not times their number",
        "helpers/uncertainty/residual_tests.py",
        "p = min(min(each.p for each in tests) * len(tests), 1.0)",
        "p = min(each.p for each in tests)",
        ("tests/test_residual_tests.py::test_chances_of_a_series_are_those_of_all_its_traces_together",),
    ),
    Fault(
        "chance of the size of several traces not times their number",
        "helpers/uncertainty/residual_tests.py",
        "p_size = min(min(each.p_size for each in tests) * len(tests), 1.0)",
        "p_size = min(each.p_size for each in tests)",
        ("tests/test_residual_tests.py::test_chances_of_a_series_are_those_of_all_its_traces_together",),
    ),
    Fault(
        "profile's walk to 1.01 times the threshold only",
        "helpers/uncertainty/profile_path.py",
        "_BEYOND = 1.2 ",
        "_BEYOND = 1.01 ",
        ("tests/test_uncertainty.py::TestProfile::test_a_curve_is_seen_to_cross_the_95_per_cent_line",),
    ),
    Fault(
        "profile's walk that ends where the textbook's interval does",
        "helpers/uncertainty/profile_path.py",
        "if self.rise(point) > self.last**2 and not self._is_inside(point, len(LEVELS) - 1):",
        "if self.rise(point) > self.last**2:",
        (
            "tests/test_uncertainty.py::TestProfile::test_a_rate_of_many_sigma_is_determined_whatever_lies_on_its_bound",
        ),
    ),
    Fault(
        "automatic guess that ignores sigma",
        "helpers/fitting/start.py",
        "weights = np.ones(len(n)) if sigma is None else sigma.min() / sigma",
        "weights = np.ones(len(n))",
        ("tests/test_fitting.py::TestAutomaticGuess",),
    ),
    Fault(
        "linear columns that are dependent from 1e-3 on (least squares)",
        "helpers/fitting/minimise.py",
        "z[is_open] = lstsq(matrix[:, is_open], target - bounded @ z[~is_open])[0]",
        "z[is_open] = lstsq(matrix[:, is_open], target - bounded @ z[~is_open], cond=1e-3)[0]",
        ("tests/test_minimise.py",),
    ),
    Fault(
        "linear columns that are dependent from 1e-3 on (basis)",
        "helpers/fitting/minimise.py",
        "orth(matrix[:, is_open])",
        "orth(matrix[:, is_open], rcond=1e-3)",
        ("tests/test_minimise.py",),
    ),
    Fault(
        "parameters that are called alike from 1e-3 on",
        "helpers/fitting/search.py",
        "_SAME_EFFECT = 1e-7 ",
        "_SAME_EFFECT = 1e-3 ",
        ("tests/test_fits.py::TestOneEffect",),
    ),
    Fault(
        "no errors for columns that are dependent from 1e-3 on",
        "helpers/fitting/minimise.py",
        "_ROUNDING = 1e-13\n",
        "_ROUNDING = 1e-3\n",
        ("tests/test_fits.py::TestOneEffect",),
    ),
    Fault(
        "difference step across a bound",
        "helpers/kinetics/equation.py",
        "if below[index] < lower:",
        "if False:",
        ("tests/test_equations.py::TestFits::test_differences_stay_within_the_bound",),
    ),
    Fault(
        "20 steps of LSODA at least",
        "helpers/kinetics/integration.py",
        "_LEAST_STEPS = 200\n",
        "_LEAST_STEPS = 20\n",
        ("tests/test_equations.py::TestSolutions::test_a_short_pulse_in_an_idle_stretch_is_seen",),
    ),
    Fault(
        "third column without a name taken for sigma",
        "helpers/traces/columns.py",
        "        raise ValueError(_nameless(table))\n",
        "        if count == 3:\n            return [0, 1, 2]\n        raise ValueError(_nameless(table))\n",
        (
            "tests/test_traces.py::test_three_columns_that_do_not_speak_for_themselves_are_refused",
            "tests/test_traces.py::test_a_nameless_third_column_is_asked_about_with_two_ways_to_answer",
        ),
    ),
    Fault(
        "values of a .par file with a digit less beyond their errors",
        "helpers/records/rounding.py",
        "_BEYOND_ERROR, _BEYOND_ERROR_ALONE = 4, 2",
        "_BEYOND_ERROR, _BEYOND_ERROR_ALONE = 3, 2",
        ("tests/test_records.py::TestRoundTrip", "tests/test_fit_records.py::TestEveryKind"),
    ),
    Fault(
        "values of a .par file that trade off with the digits of their errors only",
        "helpers/records/rounding.py",
        "max(1, digits, digits_alone)",
        "max(1, digits)",
        ("tests/test_records.py::TestRoundTrip",),
    ),
    Fault(
        "values of a .par file with too many digits",
        "helpers/records/rounding.py",
        "_BEYOND_ERROR, _BEYOND_ERROR_ALONE = 4, 2",
        "_BEYOND_ERROR, _BEYOND_ERROR_ALONE = 9, 2",
        ("tests/test_records.py::TestRoundTrip", "tests/test_fit_records.py::TestEveryKind"),
    ),
    Fault(
        "errors of a .par file with one digit",
        "helpers/records/rounding.py",
        "DIGITS_OF_ERRORS = 3\n",
        "DIGITS_OF_ERRORS = 1\n",
        ("tests/test_records.py::TestRoundTrip", "tests/test_fit_records.py::TestEveryKind"),
    ),
    Fault(
        "widening by correlated noise without the factor for unknown noise",
        "helpers/uncertainty/residual_tests.py",
        "variances *= (count - len(self.values)) / max(count - np.trace(middle), 1.0)",
        "pass",
        (
            "tests/test_residual_tests.py::TestCorrelatedNoise::test_noise_that_was_estimated_is_larger_by_what_the_fit_followed",
        ),
    ),
    Fault(
        "thresholds below the textbook's",
        "helpers/uncertainty/thresholds.py",
        "return np.maximum(_least_favourable(np.quantile(laws[0], levels, axis=1).T, laws[1]), textbook)",
        "return _least_favourable(np.quantile(laws[0], levels, axis=1).T, laws[1])",
        ("tests/test_uncertainty.py::TestThresholds",),
    ),
    Fault(
        "errors beside a bound always shown",
        "helpers/fitting/result.py",
        "_MOST_WIDENED = 1.1 ",
        "_MOST_WIDENED = 1e9 ",
        ("tests/test_fitting.py::TestErrorsBesideABound",),
    ),
    Fault(
        "a step uphill is accepted where the slope looks like rounding",
        "helpers/fitting/minimise.py",
        "and new_cost <= lowest + rounding\n",
        "\n",
        ("tests/test_minimise.py",),
    ),
)


def copy_to(folder: Path) -> None:
    """Copy what tests need, without notebooks and what a build or an environment left."""
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*LEFT_OUT), dirs_exist_ok=True)


def passes(folder: Path, tests: tuple[str, ...]) -> bool:
    """Run tests in the copy; RuntimeError where none ran, or the code that ran is not the copy's."""
    environment = os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", "import helpers; print(helpers.__file__)"]
    where = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    if not Path(where.stdout.strip()).is_relative_to(folder):
        raise RuntimeError(f"{where.stdout.strip()} was imported, not the copy in {folder}")
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if ran.returncode > 1:
        raise RuntimeError(f"no test ran with {' '.join(tests)}:\n{ran.stdout[-2000:]}{ran.stderr[-2000:]}")
    return ran.returncode == 0


def judged(folder: Path, fault: Fault) -> str:
    """Say whether the tests notice a fault; ValueError where its text is not there once."""
    file = folder / fault.file
    text = file.read_text(encoding="utf-8")
    if text.count(fault.text) != 1:
        raise ValueError(f"{fault.name}: its text is found {text.count(fault.text)} times in {fault.file}")
    file.write_text(text.replace(fault.text, fault.instead), encoding="utf-8")
    try:
        return "SURVIVED" if passes(folder, fault.tests) else "caught"
    finally:
        file.write_text(text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("word", nargs="?", default="", help="only faults whose name holds it")
    parser.add_argument("--list", action="store_true", help="name the faults and stop")
    asked = parser.parse_args()
    chosen = [each for each in FAULTS if asked.word in each.name]
    if asked.list:
        print(*(each.name for each in chosen), sep="\n")
        return
    survived = []
    with tempfile.TemporaryDirectory(prefix="workbook-faults-") as name:
        folder = Path(name).resolve()
        copy_to(folder)
        if not passes(folder, tuple(dict.fromkeys(test for fault in chosen for test in fault.tests))):
            raise RuntimeError("some of the tests fail without any fault: run them first")
        for fault in chosen:
            begun = time.perf_counter()
            verdict = judged(folder, fault)
            survived += [fault.name] * (verdict == "SURVIVED")
            print(f"{verdict:<9} {fault.name}   ({time.perf_counter() - begun:.0f} s)", flush=True)
    print(f"{len(chosen) - len(survived)} of {len(chosen)} caught")
    if survived:
        sys.exit(f"no test notices: {'; '.join(survived)}")


if __name__ == "__main__":
    main()
