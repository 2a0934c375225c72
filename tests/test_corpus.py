"""Files as instruments and spreadsheets write them: read, refused in words or warned of, never wrong."""

import json
import re
import warnings

import pytest
from corpus import FILES

from helpers.description import read
from helpers.measurement.described import load_traces
from helpers.traces import load_trace
from helpers.units import seconds


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


def test_there_are_files_of_every_kind():
    assert len(FILES) >= 80
    assert sum(bool(file.refused) for file in FILES.values()) >= 80
    assert sum(not file.refused for file in FILES.values()) >= 80
