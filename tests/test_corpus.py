"""Files as instruments and spreadsheets write them: read, refused in words or warned of, never wrong."""

import json
import re
import warnings
from datetime import timedelta

import numpy as np
import pytest
from corpus import FILES, SIGMA, M, rows
from corpus import N as DECAY
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers.description import read
from helpers.measurement.described import load_traces
from helpers.traces import load_trace
from helpers.units import known_time_unit, seconds

LIMIT = settings(deadline=timedelta(seconds=2), suppress_health_check=[HealthCheck.too_slow])
T = [0.25 * k for k in range(12)]
N = [round(900 * 0.8**k, 2) for k in range(12)]
SPELLED = {
    "s": ["s", "S", "sec", "seconds", "Sekunden", "secondes", "segundos", "秒"],
    "ms": ["ms", "MS", "msec", "milliseconds", "Millisekunden", "毫秒"],
    "us": ["us", "US", "µs", "μs", "usec", "microseconds", "Mikrosekunden", "微秒", "10^-6 s"],
    "ns": ["ns", "NS", "nsec", "nanoseconds", "Nanosekunden", "纳秒", "1e-9 s"],
    "ps": ["ps", "PS", "psec", "picoseconds", "Pikosekunden", "皮秒", "10^-12 s"],
}
TIMES = ["Time", "TIME", "t", "Delay", "Zeit", "temps", "Tiempo", "tempo", "时间", "delay time"]
TITLES = [
    "{time} ({unit})",
    "{time} [{unit}]",
    "{time}/{unit}",
    "{time} / {unit}",
    "{time}_{unit}",
    "{time} in {unit}",
]


def by_script(folder, file):
    return load_trace(folder / "decay.csv", **file.options)


def by_description(folder, file):
    options = "\n".join(
        f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in file.options.items()
    )
    path = folder / "decay.toml"
    path.write_text(f'kind = "density"\nfile = "decay.csv"\n{options}\n', encoding="utf-8")
    return load_traces(read(path))[0]


@pytest.mark.parametrize("way", [by_script, by_description])
@pytest.mark.parametrize("name", FILES)
def test_a_file_is_read_refused_or_warned_of(tmp_path, name, way):
    file = FILES[name]
    content = file.content if isinstance(file.content, bytes) else file.content.encode()
    (tmp_path / "decay.csv").write_bytes(content)
    refused = file.refused
    if way is by_description and file.unit == "":
        refused = "t_unit is missing"  # a description is never read without a unit
    if refused:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(ValueError, match=r"decay\.csv") as caught:
                way(tmp_path, file)
        assert re.search(refused, str(caught.value)), caught.value
        assert not re.search(r"NoneType|object|Traceback|dtype", str(caught.value))
        return
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        trace = way(tmp_path, file)
    words = [str(each.message) for each in told]
    assert bool(words) == bool(file.warned), words
    assert not file.warned or re.search(file.warned, words[0]), words
    assert trace.t.tolist() == pytest.approx(file.t, rel=1e-12, abs=1e-15)
    assert trace.signal.tolist() == file.signal
    assert (None if trace.sigma is None else trace.sigma.tolist()) == file.sigma
    assert (seconds(trace.t_unit) if trace.t_unit else 0) == (seconds(file.unit) if file.unit else 0)


def follow(message, path, options):
    """Do what a message advises: another option, or a row less. Return the options."""
    given = re.search(r"columns=(\[[^\]]*\])", message)
    unit = re.search(r"in (\S+), not in \S+; change t_unit", message)
    mark = re.search(r'give decimal="(.)"', message)
    row = re.search(r"row (\d+)(?: may be|: )", message)
    options = dict(options)
    if unit:
        options["t_unit"] = unit[1]
    elif mark:
        options["decimal"] = mark[1]
    elif given and "..." not in given[1]:
        options["columns"] = json.loads(given[1])
        options["transposed"] = "transposed=True" in message
    elif row and "delete" in message:
        which = re.search(r"row (\d+) may be|if row (\d+) is no point", message)
        number = int(next(filter(None, which.groups())) if which else row[1])
        lines = path.read_bytes().decode("utf-8", "replace").split("\n")
        path.write_text("\n".join(lines[: number - 1] + lines[number:]), encoding="utf-8")
    elif "turn their order" in message:
        path.write_text("\n".join(path.read_text().split()[::-1]))
    elif "a file of its own" in message:
        path.write_text("\n".join(path.read_text().split("\n")[: int(row[1]) - 1]))
    elif "correct the header" in message:
        text = path.read_bytes().decode()
        lines = [line for line in text.split("\n") if re.match(r"[-\d.,]+$", line)]
        path.write_text("Time (ns),signal\n" + "\n".join(lines), encoding="utf-8")
        options.pop("t_unit", None)
    else:
        return None
    return options


ADVISED = [
    name
    for name, file in FILES.items()
    if file.refused
    and not re.search(
        "multiply|HTML|JSON|numeric|one column|decimal comma between|samples|channels", file.refused + name
    )
]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", ADVISED)
def test_what_a_refusal_advises_leads_to_a_trace(tmp_path, name):
    file, path = FILES[name], tmp_path / "decay.csv"
    path.write_bytes(file.content if isinstance(file.content, bytes) else file.content.encode())
    options = dict(file.options)
    for _ in range(30):
        try:
            trace = load_trace(path, **options)
        except ValueError as reason:
            message = str(reason)
        else:
            break
        options = follow(message, path, options)
        assert options is not None, f"no advice that can be followed: {message}"
    assert len(trace) > 2
    expected = {*file.signal, *DECAY, *M, *SIGMA, *map(int, DECAY), 1.234, 1234}
    expected |= {0.1, 2, 3, 4, *(round(5 - 0.1 * k, 1) for k in range(12))}  # of the matrix
    assert set(trace.signal.tolist()) <= expected


def test_there_are_files_of_every_kind():
    assert len(FILES) >= 80
    assert sum(bool(file.refused) for file in FILES.values()) >= 80
    assert sum(not file.refused for file in FILES.values()) >= 80


def read_told_or_refused(path, **options):
    """Return the trace and the warnings, or None for a refusal that names the file."""
    refusal = ""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            trace = load_trace(path, **options)
        except ValueError as reason:
            trace, refusal = None, str(reason)
    assert not refusal or (path.name in refusal and len(refusal) < 1000)
    return trace, [str(each.message) for each in told]


@LIMIT
@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused_in_time(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "bytes.csv"
    path.write_bytes(content)
    read_told_or_refused(path, t_unit="ns")


@LIMIT
@given(
    st.sampled_from(sorted(FILES)),
    st.integers(0, 10**6),
    st.sampled_from(
        ["", ",", ";", "\t", "#", "\n", '"', "'", "nan", "1e999", "#N/A", "\0", "(", "٣", " s", "log "]
    ),
    st.integers(0, 30),
)
def test_a_spoilt_file_of_the_corpus_gives_numbers_that_stand_in_it(tmp_path_factory, name, place, new, cut):
    content = FILES[name].content
    if isinstance(content, bytes):
        return
    place %= len(content)
    content = content[:place] + new + content[place + cut :]
    path = tmp_path_factory.getbasetemp() / "spoilt.csv"
    path.write_bytes(content.encode())
    trace, _ = read_told_or_refused(path, **FILES[name].options)
    if trace is not None:
        assert len(trace) <= len(re.split("[\n\r]", content))
        assert np.isfinite(trace.signal).all()
        assert (np.diff(trace.t) > 0).all()


@LIMIT
@given(
    st.sampled_from(sorted(SPELLED)),
    st.sampled_from(sorted(SPELLED)),
    st.data(),
    st.sampled_from(TIMES),
    st.sampled_from(TITLES),
)
def test_a_unit_is_taken_from_every_title_or_contradicted(tmp_path_factory, unit, wish, data, time, title):
    spelled = data.draw(st.sampled_from(SPELLED[unit]))
    if "_" in title and " " in spelled:
        return
    assert known_time_unit(spelled) == unit
    path = tmp_path_factory.getbasetemp() / "units.csv"
    path.write_text(f"{title.format(time=time, unit=spelled)},signal\n" + rows(T, N), encoding="utf-8")
    assert known_time_unit(load_trace(path).t_unit) == unit
    if unit == wish:
        assert seconds(load_trace(path, t_unit=wish).t_unit) == seconds(unit)
    else:
        with pytest.raises(ValueError, match=f"not in {wish}; change t_unit"):
            load_trace(path, t_unit=wish)


@LIMIT
@given(st.text(max_size=30), st.text(max_size=12))
def test_any_titles_are_understood_asked_about_or_refused(tmp_path_factory, first, second):
    path = tmp_path_factory.getbasetemp() / "titles.csv"
    path.write_text(f"{first},{second}\n" + rows(T, N), encoding="utf-8", errors="replace")
    trace, told = read_told_or_refused(path)
    if trace is not None:
        assert trace.t_unit or any("no unit of the times" in each for each in told)
        assert trace.signal[-len(N) :].tolist() == N
