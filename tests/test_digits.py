"""Digits: genuine files are read alike in every form, damaged ones refused by name, never replaced."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import json

import numpy as np
import pytest
from scipy.stats import binomtest

from helpers.networks import digit_networks, digits, pictures
from helpers.paths import ROOT

GENUINE = ROOT.parent / "shared" / "data" / "mnist"


@pytest.fixture(autouse=True)
def no_other_source(monkeypatch, tmp_path):
    monkeypatch.delenv("WORKBOOK_MNIST", raising=False)
    monkeypatch.setattr(digits, "DATA", tmp_path / "no data")


@pytest.fixture
def pixels():
    rng = np.random.default_rng(6)
    return rng.integers(0, 256, (20, 28, 28)).astype(np.uint8), (np.arange(20) % 10).astype(np.uint8)


def idx(values):
    shape = np.array(values.shape, dtype=">u4").tobytes()
    return bytes([0, 0, 8, values.ndim]) + shape + values.tobytes()


@pytest.fixture
def folder(tmp_path, monkeypatch, pixels):
    """Four small idx files, taken for MNIST: two plain, two packed."""
    sums = {}
    for name, values in zip(digits.MNIST_FILES, (*pixels, *(part[:5] for part in pixels)), strict=True):
        content = idx(values)
        sums[name] = hashlib.md5(content).hexdigest()
        if name.startswith("train"):
            (tmp_path / name).write_bytes(content)
        else:
            (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content))
    monkeypatch.setattr(digits, "MNIST_FILES", sums)
    return tmp_path


def write_csv(path, pixels, header=False):
    images, labels = pixels
    lines = ["label," + ",".join(f"pixel{k}" for k in range(784))] if header else []
    lines += [
        ",".join(map(str, [label, *image.ravel()])) for image, label in zip(images, labels, strict=True)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def same(data, pixels):
    images = (data.train_images[..., 0] * 255).round()
    return (images == pixels[0]).all() and (data.train_labels == pixels[1]).all()


class TestSources:
    def test_idx_files_are_read_plain_and_packed(self, folder, pixels):
        data = digits.load(folder)
        assert same(data, pixels)
        assert len(data.test_labels) == 5
        assert data.source == "full MNIST"

    @pytest.mark.parametrize("header", [False, True])
    def test_csv_files_are_read_with_and_without_header(self, tmp_path, pixels, header):
        for name in digits.CSV_FILES:
            write_csv(tmp_path / name, pixels, header)
        data = digits.load(tmp_path)
        assert same(data, pixels)
        assert data.source == "CSV files"

    def test_the_environment_names_the_folder(self, folder, pixels, monkeypatch):
        monkeypatch.setenv("WORKBOOK_MNIST", str(folder))
        assert same(digits.load(), pixels)

    def test_the_projects_own_folder_comes_before_what_is_embedded(self, folder, pixels, monkeypatch):
        home = folder / "home" / "mnist"
        home.mkdir(parents=True)
        for path in folder.glob("*ubyte*"):
            path.rename(home / path.name)
        monkeypatch.setattr(digits, "DATA", folder / "home")
        assert same(digits.load(), pixels)

    def test_nothing_is_downloaded_unless_asked_for(self, monkeypatch):
        monkeypatch.setattr(digits, "from_keras", lambda: pytest.fail("went to the network"))
        assert digits.load().source.startswith("5,000")

    def test_a_folder_goes_before_a_download(self, folder, pixels, monkeypatch):
        monkeypatch.setattr(digits, "from_keras", lambda: pytest.fail("went to the network"))
        monkeypatch.setenv("WORKBOOK_MNIST", str(folder))
        assert same(digits.load(download=True), pixels)
        monkeypatch.setenv("WORKBOOK_MNIST", str(folder / "missing"))
        with pytest.raises(FileNotFoundError, match="WORKBOOK_MNIST"):
            digits.load(download=True)

    def test_a_download_that_fails_says_what_to_do(self, monkeypatch):
        class Offline:
            class datasets:  # noqa: N801
                class mnist:  # noqa: N801
                    @staticmethod
                    def load_data():
                        raise OSError("no route")

        monkeypatch.setattr(digits, "keras_module", lambda: Offline)
        with pytest.raises(ConnectionError, match="data/mnist"):
            digits.load(download=True)

    def test_the_embedded_images_are_split_evenly_and_share_none(self):
        data = digits.embedded()
        assert np.bincount(data.train_labels).tolist() == [400] * 10
        assert np.bincount(data.test_labels).tolist() == [100] * 10
        seen = {image.tobytes() for image in data.train_images}
        assert not any(image.tobytes() in seen for image in data.test_images)
        assert (data.train_images.min(), data.train_images.max()) == (0, 1)

    @pytest.mark.skipif(not GENUINE.is_dir(), reason="MNIST's files are not beside the checkout")
    def test_the_genuine_files_pass_their_checksums(self):
        data = digits.load(GENUINE)
        assert data.train_images.shape == (60_000, 28, 28, 1)
        assert data.train_labels[:5].tolist() == [5, 0, 4, 1, 9]
        assert data.test_labels[:5].tolist() == [7, 2, 1, 0, 4]


class TestDamage:
    """Each of these would, if it were replaced by another source, give right-looking but wrong results."""

    def refused(self, folder, name, remedy="Fetch"):
        with pytest.raises(ValueError, match=remedy) as caught:
            digits.load(folder)
        assert name in str(caught.value)

    @pytest.mark.parametrize("name", list(digits.MNIST_FILES))
    def test_a_missing_file_is_named(self, folder, name):
        next(folder.glob(f"{name}*")).unlink()
        self.refused(folder, name, "lacks")

    def test_a_short_file_is_named(self, folder):
        path = folder / "train-images-idx3-ubyte"
        path.write_bytes(path.read_bytes()[:-7])
        self.refused(folder, path.name, "damaged")

    def test_one_wrong_byte_is_noticed(self, folder):
        path = folder / "train-labels-idx1-ubyte"
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(bytes(content))
        self.refused(folder, path.name, "MD5")

    def test_a_damaged_archive_is_named(self, folder):
        path = folder / "t10k-images-idx3-ubyte.gz"
        path.write_bytes(path.read_bytes()[:-20])
        self.refused(folder, path.name, "gzip")

    def test_a_web_page_saved_in_its_place_is_named(self, folder):
        (folder / "train-images-idx3-ubyte").write_text("<html>404</html>", encoding="utf-8")
        self.refused(folder, "train-images-idx3-ubyte", "no idx file")

    @pytest.mark.parametrize(
        ("old", "new", "complaint"),
        [
            ("3,", "12,", "line 4"),
            ("3,", "3,1,", "CSV file"),
            ("3,", "3,256,", "CSV file"),
            ("3,", "three,", "whole numbers"),
        ],
    )
    def test_a_wrong_line_of_a_csv_file_is_refused(self, tmp_path, pixels, old, new, complaint):
        for name in digits.CSV_FILES:
            write_csv(tmp_path / name, pixels)
        path = tmp_path / "mnist_train.csv"
        lines = path.read_text(encoding="utf-8").splitlines()
        lines[3] = lines[3].replace(old, new, 1)
        path.write_text("\n".join(lines), encoding="utf-8")
        self.refused(tmp_path, path.name, complaint)

    def test_half_a_pair_of_csv_files_is_refused(self, tmp_path, pixels):
        write_csv(tmp_path / "mnist_train.csv", pixels)
        self.refused(tmp_path, "mnist_test.csv", "lacks")

    def test_an_empty_csv_file_is_refused(self, tmp_path):
        for name in digits.CSV_FILES:
            (tmp_path / name).write_text("", encoding="utf-8")
        self.refused(tmp_path, "mnist_train.csv")

    def test_a_folder_that_is_not_there_is_refused(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="WORKBOOK_MNIST"):
            digits.load(tmp_path / "typo")


class TestOwnDigit:
    def save(self, path, picture):
        from matplotlib import image

        image.imsave(path, picture, cmap="gray", vmin=0, vmax=1)
        return path

    def test_a_picture_comes_back_as_it_was_drawn(self, tmp_path):
        drawn = digits.draw([(8, 7), (20, 7), (12, 22)])
        read = digits.read_image(self.save(tmp_path / "seven.png", drawn.squeeze()))
        assert read.shape == (1, 28, 28, 1)
        assert read == pytest.approx(drawn, abs=1 / 200)

    @pytest.mark.parametrize(
        ("picture", "remedy"),
        [
            (np.eye(32), "scale it to 28"),
            (np.zeros((28, 28)), "empty"),
            (np.ones((28, 28)), "empty"),
            (1 - digits.draw([(8, 7), (20, 7), (12, 22)]).squeeze(), "invert"),
        ],
        ids=["size", "black", "white", "inverted"],
    )
    def test_what_is_no_digit_is_refused_with_the_remedy(self, tmp_path, picture, remedy):
        path = self.save(tmp_path / "own.png", picture)
        with pytest.raises(ValueError, match=remedy) as caught:
            digits.read_image(path)
        assert "own.png" in str(caught.value)


class TestNetworks:
    def test_the_originals_network_and_optimiser_are_what_was_published(self):
        network = digit_networks.original_network()
        kinds = [type(layer).__name__ for layer in network.layers]
        block = ["Conv2D", "Conv2D", "MaxPooling2D", "Dropout"]
        assert kinds == [*block, *block, "Flatten", "Dense", "Dropout", "Dense"]
        optimizer = network.optimizer
        assert (optimizer.momentum, optimizer.nesterov) == (0.9, True)
        rates = [float(optimizer._learning_rate(step)) for step in (0, 10**6)]
        assert rates == pytest.approx([0.01, 0.005])  # decay 1e-6 a step halves it after a million

    def test_the_small_network_is_smaller(self):
        small = digit_networks.small_network(digit_networks.Recipe(), steps=100)
        assert small.count_params() < digit_networks.original_network().count_params()

    def test_the_small_network_learns_and_repeats(self):
        data = digits.embedded()
        recipe = digit_networks.Recipe(filters=((8,),), epochs=2)
        parts = data.train_images[::13], data.train_labels[::13]
        lines = [[], []]
        for line in lines:
            digit_networks.train_small_network(
                *parts, recipe, seed=1, after_epoch=lambda _, value, line=line: line.append(value)
            )
        assert lines[0] == lines[1]
        assert lines[0][1] > lines[0][0]

    def test_a_training_that_was_killed_goes_on_to_the_same_weights(self, tmp_path):
        data = digits.embedded()
        recipe = digit_networks.Recipe(filters=((4,),), epochs=3)
        parts = data.train_images[::40], data.train_labels[::40]
        whole = digit_networks.train_small_network(*parts, recipe, seed=1)

        def stop(epoch, _):
            if epoch == 2:
                raise KeyboardInterrupt

        path = tmp_path / "weights" / "run.npz"
        with pytest.raises(KeyboardInterrupt):
            digit_networks.train_small_network(*parts, recipe, seed=1, after_epoch=stop, checkpoint=path)
        np.random.seed(99)  # noqa: NPY002  another process would start with other numbers
        epochs = []
        again = digit_networks.train_small_network(
            *parts, recipe, seed=1, after_epoch=lambda epoch, _: epochs.append(epoch), checkpoint=path
        )
        assert epochs == [1, 2, 3]
        for one, other in zip(again.get_weights(), whole.get_weights(), strict=True):
            assert one == pytest.approx(other, abs=1e-6)
        with pytest.raises(ValueError, match="another training"):
            digit_networks.train_small_network(*parts, recipe, seed=2, checkpoint=path)
        assert list(path.parent.iterdir()) == [path]

    def test_no_distortion_leaves_the_image_and_a_shift_moves_it(self):
        image = digits.draw([(14, 8), (14, 20)])
        rng = np.random.default_rng(0)
        still = digit_networks.distort(image, rng, shift=0, rotation=0, zoom=0)
        assert still == pytest.approx(image, abs=1e-5)
        many = np.repeat(image, 200, axis=0)
        moved = digit_networks.distort(many, rng, shift=2, rotation=0, zoom=0)
        centres = (moved.sum(axis=(1, 3)) * np.arange(28)).sum(axis=1) / moved.sum(axis=(1, 2, 3)) - 14
        assert np.abs(centres).max() <= 2.01
        assert centres.min() < -1.5
        assert centres.max() > 1.5

    def test_a_turned_bar_leans_by_the_angle_at_most(self):
        many = np.repeat(digits.draw([(13.5, 4), (13.5, 23)]), 100, axis=0)
        turned = digit_networks.distort(many, np.random.default_rng(0), shift=0, rotation=10, zoom=0)
        top = (turned[:, 6, :, 0] * np.arange(28)).sum(axis=1) / turned[:, 6, :, 0].sum(axis=1) - 13.5
        angles = np.rad2deg(np.arctan(top / 7.5))
        assert 8 < np.abs(angles).max() < 11

    def test_shifted_answers_are_probabilities_too(self):
        network = digit_networks.small_network(digit_networks.Recipe(filters=((4,),)), steps=10)
        chances = digit_networks.predict(network, digits.draw([(14, 8), (14, 20)]), shifted=True)
        assert chances.shape == (1, 10)
        assert chances.sum() == pytest.approx(1, abs=1e-5)


def test_the_record_of_the_long_run_holds_its_own_sums():
    record = json.loads((ROOT / "results" / "digits_full_mnist.json").read_text(encoding="utf-8"))
    assert len(record["runs"]) >= 3
    for run in record["runs"]:
        assert run["test_accuracy"] == pytest.approx(
            1 - len(run["wrong_test_images"]) / record["test_images"]
        )
    assert record["median_test_accuracy"] == np.median([run["test_accuracy"] for run in record["runs"]])
    assert record["median_test_accuracy"] >= 0.996


@pytest.mark.parametrize(("right", "images"), [(978, 1000), (9963, 10_000), (1000, 1000), (0, 10)])
def test_an_interval_is_the_one_that_scipy_gives(right, images):
    expected = binomtest(right, images).proportion_ci(method="wilson")
    assert digit_networks.accuracy_interval(right / images, images) == pytest.approx(
        tuple(expected), abs=1e-7
    )


def test_an_accuracy_in_percent_is_refused():
    with pytest.raises(ValueError, match="from 0 to 1"):
        digit_networks.accuracy_interval(98.0, 1000)


@pytest.fixture
def study(monkeypatch, tmp_path, pixels):
    """The script of the long run with a training that takes no time, on a record of its own."""
    path = ROOT / "studies" / "train_digits.py"
    spec = importlib.util.spec_from_file_location("train_digits", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    images, labels = np.zeros((1, 28, 28, 1)), np.zeros(60_000)
    data = digits.Digits(images, labels, images, labels[:10_000], "full MNIST")
    monkeypatch.setattr(module.digits, "load", lambda folder, *, download: data)
    monkeypatch.setattr(
        module,
        "train_and_test",
        lambda data, recipe, seed, checkpoint: (
            {"seed": seed, "test_accuracy": 0.99 + seed / 1000} | module.circumstances()
        ),
    )

    def run(*words):
        monkeypatch.setattr(
            "sys.argv", ["studies/train_digits.py", *words, "--record", str(tmp_path / "r.json")]
        )
        module.main()
        return json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))

    return run


class TestTheLongRun:
    def test_adds_seeds_and_never_takes_one_out(self, study):
        study("--seeds", "0", "1", "2")
        record = study("--seeds", "1", "5")
        assert [run["seed"] for run in record["runs"]] == [0, 1, 2, 5]
        assert "--seeds 1 5" in record["runs"][3]["command"]
        assert "--seeds 0 1 2" in record["runs"][1]["command"]

    def test_says_what_it_was_made_with(self, study):
        run = study("--seeds", "0")["runs"][0]
        assert {"python", "keras", "jax", "numpy"} <= set(run["versions"])
        assert run["processor"]
        assert run["cores"] >= 1
        assert "commit" in run

    def test_refuses_to_mix_recipes(self, study, tmp_path):
        study("--seeds", "0")
        record = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
        record["recipe"]["dropout"] = 0.9
        (tmp_path / "r.json").write_text(json.dumps(record), encoding="utf-8")
        with pytest.raises(SystemExit, match="--record"):
            study("--seeds", "1")

    def test_takes_one_source_only(self, study):
        with pytest.raises(SystemExit):
            study("--folder", "here", "--download")

    def test_keeps_its_weights_where_clean_removes_nothing(self):
        text = (ROOT / "studies" / "train_digits.py").read_text(encoding="utf-8")
        assert '"build"' not in text
        assert "digits_weights" in text


def test_answers_are_counted_by_their_true_class():
    labels = np.array([0, 1, 1, 3])
    shares = pictures.answer_shares(labels, np.array([0, 0, 1, 3]))
    assert shares[:2, 1].tolist() == [0.5, 0.5]
    assert np.isnan(shares[:, 2]).all()
