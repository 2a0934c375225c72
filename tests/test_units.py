import pytest

from helpers.units import axis_label, density_in_cm3, is_time, known_time_unit, rate_units, seconds


@pytest.mark.parametrize(
    ("unit", "length"),
    [
        ("s", 1),
        ("ms", 1e-3),
        ("us", 1e-6),
        ("µs", 1e-6),
        ("μs", 1e-6),
        (" ns ", 1e-9),
        ("ps", 1e-12),
        ("fs", 1e-15),
        ("sec", 1),
        ("nsec", 1e-9),
        ("min", 60),
        ("h", 3600),
    ],
)
def test_a_time_unit_has_its_length(unit, length):
    assert seconds(unit) == length
    assert is_time(unit)


@pytest.mark.parametrize("unit", ["", "nm", "NS", "d", "1/ns", "counts"])
def test_an_unknown_time_unit_is_refused_with_the_known_ones(unit):
    assert not is_time(unit)
    with pytest.raises(ValueError, match="use one of s, ms, us"):
        seconds(unit)


@pytest.mark.parametrize(
    ("unit", "density"),
    [
        ("cm^-3", 1),
        ("cm-3", 1),
        ("cm⁻³", 1),
        ("1/cm^3", 1),
        ("1/cm³", 1),
        ("1e16 cm^-3", 1e16),
        ("1E16 cm-3", 1e16),
        ("10^16 cm^-3", 1e16),
        ("10**16 cm**-3", 1e16),
        ("10^16 × cm^-3", 1e16),
        ("2.5e17 cm^-3", 2.5e17),
        ("m^-3", 1e-6),
        ("10^22 m^-3", 1e16),
    ],
)
def test_a_density_unit_is_known_in_cm3(unit, density):
    assert density_in_cm3(unit) == pytest.approx(density, rel=1e-15)


@pytest.mark.parametrize(
    "unit", ["", "counts", "mOD", "cm^3", "cm", "cm^-2", "1/cm^-3", "mm^-3", "10^16", "V"]
)
def test_other_units_are_no_density(unit):
    assert density_in_cm3(unit) is None


def test_the_rates_carry_the_units_of_the_law():
    # dn/dt = G - k1 n - k2 n^2 - k3 n^3: each term is a density over a time
    assert rate_units("ns", "n") == ("n/ns", "1/ns", "1/(ns n)", "1/(ns (n)^2)")
    assert rate_units("s", "")[0] == "signal/s"


def test_a_label_raises_every_power():
    assert axis_label("k3", "(10^16 cm^-3)^-2/ns") == "k3 ((10$^{16}$ cm$^{-3}$)$^{-2}$/ns)"
    assert axis_label("signal", "") == "signal"


@pytest.mark.parametrize(
    ("words", "unit"),
    [
        ("US usec µs μs Âµs ?s \\mus microseconds Mikrosekunden microsecondes microsegundos 微秒 мкс", "us"),
        ("NS nsec nanosecond Nanosekunden nanosegundos 纳秒 奈秒 нс 1e-9s", "ns"),
        ("PS psec picoseconds Pikosekunden 皮秒", "ps"),
        ("MS msec milliseconds Millisekunden 毫秒", "ms"),
        ("S sec. Sekunden secondes segundos secondi 秒", "s"),
        ("minutes Minuten 分钟", "min"),
        ("hours Stunden heures 小时", "h"),
    ],
)
def test_a_unit_of_time_is_known_in_every_spelling(words, unit):
    assert {word: known_time_unit(word) for word in words.split()} == dict.fromkeys(words.split(), unit)


@pytest.mark.parametrize(
    "word", ["", "nm", "V", "mm", "m", "K", "counts", "steps", "weeks", "ns^-1", "1e-8 s", "T"]
)
def test_a_word_that_is_no_unit_of_time_is_none(word):
    assert known_time_unit(word) is None
