"""The sample decay: made again byte for byte, as its README says, and with its rates in it."""

import hashlib
import re
import subprocess
import sys

import numpy as np

from helpers.paths import DATA
from helpers.traces import load_trace

SAMPLE = DATA / "sample_data.csv"


def test_the_script_makes_the_same_bytes(tmp_path):
    script = tmp_path / "make_sample_data.py"
    script.write_bytes((DATA / "make_sample_data.py").read_bytes())
    subprocess.run([sys.executable, script], check=True)
    assert (tmp_path / "sample_data.csv").read_bytes() == SAMPLE.read_bytes()


def test_the_table_of_data_names_every_file_with_its_hash():
    table = dict(
        re.findall(r"^\| (\S+\.csv) \|.*`([0-9a-f]{64})` \|$", (DATA / "README.md").read_text("utf-8"), re.M)
    )
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in DATA.glob("*.csv")}
    assert table == files


def test_it_has_the_shape_of_the_original():
    trace = load_trace(SAMPLE)
    assert SAMPLE.read_text("ascii").count(",") == len(trace)  # two columns, no header
    assert 500 <= len(trace) <= 1000
    decay = trace.from_peak()
    assert decay.t[0] == 0
    assert 300 < decay.signal[0] < 1000
    assert len(decay) < len(trace)
    before = trace.crop(t_max=-10).signal
    assert abs(before.mean()) < 4 * before.std() / np.sqrt(before.size)


def test_the_noise_is_as_told_and_the_peak_no_outlier():
    # A reference of its own: the closed form t(n) of the rate law with G = k3 = 0 is not enough, so the
    # law is integrated backwards in n, dt = -dn / (k1 n + k2 n² + k3 n³), by a fine trapezium.
    decay = load_trace(SAMPLE).from_peak()
    n = np.geomspace(800, 1e-3, 200_001)
    slowness = 1 / (1.02e-2 * n + 1.03e-3 * n**2 + 1.1e-7 * n**3)
    t = np.concatenate([[0], np.cumsum((n[:-1] - n[1:]) * (slowness[:-1] + slowness[1:]) / 2)])
    expected = np.interp(decay.t, t, n)
    deviation = (decay.signal - expected) / np.hypot(0.003 * expected, 0.3)
    assert abs(deviation[0]) < 1
    assert 0.9 < deviation.std() < 1.1
    assert abs(deviation.mean()) < 0.1
    assert np.abs(deviation).max() < 5
